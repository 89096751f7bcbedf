"""Drives a copy of the official MCLRec code for `mclrec_batch.py`; one command a line.

Started by that script with the interpreter and the folder of the official code. Only what its
age asks for is patched: names that numpy has dropped since, packages it imports without using
them here, and the device its checkpoint is read onto.
"""

import logging
import os
import sys
import time
import types

import numpy as np
import torch


def patch_environment() -> None:
    for name, kind in {"float": float, "bool": bool, "int": int, "object": object}.items():
        if name not in np.__dict__:
            setattr(np, name, kind)
    if "long" not in np.__dict__:
        np.long = np.int64
    load = torch.load  # the code reads its checkpoint onto the GPU it was written from
    torch.load = lambda path, **options: load(path, **{"map_location": "cpu", **options})
    for name in ("hyperopt", "matplotlib", "matplotlib.pyplot"):
        try:
            __import__(name)
        except ImportError:
            sys.modules[name] = types.ModuleType(name)


def build(folder: str):
    sys.path.insert(0, folder)
    os.chdir(folder)
    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.utils import get_model, get_trainer, init_seed

    settings = {"use_gpu": False, "use_rl": 1, "joint": 0, "lmd": 0.0, "beta": 0.05}
    sys.argv = sys.argv[:1]
    files = ["seq.yaml"]
    config = Config("MCLRec", "Amazon_Beauty", config_file_list=files, config_dict=settings)
    init_seed(config["seed"], config["reproducibility"])
    config["log_dir"] = "."
    logging.disable(logging.CRITICAL)
    train, _, test = data_preparation(config, create_dataset(config))
    model = get_model(config["model"])(config, train).to(config["device"])
    return get_trainer(config["MODEL_TYPE"], config["model"])(config, model), train, test


def main() -> None:
    folder, threads, answers = sys.argv[1], int(sys.argv[2]), sys.stdout
    # Whatever the official code prints must not mix with the answers.
    sys.stdout = sys.stderr
    torch.set_num_threads(threads)
    patch_environment()
    trainer, train, test = build(folder)
    batches = iter(train)
    weights = "log/Checkpoint/Amazon_Beauty/model.pth"
    print("ready", file=answers, flush=True)
    for command in sys.stdin:
        start = time.perf_counter()
        result = ""
        if command.strip() == "batch":
            trainer._train_epoch([next(batches)], 0)
        elif command.strip() == "rank":
            found = trainer.evaluate(test, load_best_model=True, model_file=weights)
            result = f" {found}"
        print(f"{time.perf_counter() - start:.6f}{result}", file=answers, flush=True)


if __name__ == "__main__":
    main()
