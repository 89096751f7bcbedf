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


# Folder, lambda and beta of scripts/train_beauty.sh and train_sports.sh.
SETS = {
    "beauty": ("Amazon_Beauty", 0.0, 0.05),
    "sports": ("Amazon_Sports_and_Outdoors", 0.04, 0.4),
}


def build(folder: str, name: str):
    sys.path.insert(0, folder)
    os.chdir(folder)
    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.utils import get_model, get_trainer, init_seed

    dataset, weight, beta = SETS[name]
    settings = {"use_gpu": False, "use_rl": 1, "joint": 0, "lmd": weight, "beta": beta}
    sys.argv = sys.argv[:1]
    files = ["seq.yaml"]
    config = Config("MCLRec", dataset, config_file_list=files, config_dict=settings)
    init_seed(config["seed"], config["reproducibility"])
    config["log_dir"] = "."
    logging.disable(logging.CRITICAL)
    train, _, test = data_preparation(config, create_dataset(config))
    model = get_model(config["model"])(config, train).to(config["device"])
    return get_trainer(config["MODEL_TYPE"], config["model"])(config, model), train, test


def main() -> None:
    folder, threads, name, kind = sys.argv[1], int(sys.argv[2]), *sys.argv[3:5]
    clock, answers = time.process_time if kind == "cpu" else time.perf_counter, sys.stdout
    # Whatever the official code prints must not mix with the answers.
    sys.stdout = sys.stderr
    torch.set_num_threads(threads)
    patch_environment()
    trainer, train, test = build(folder, name)
    batches = iter(train)
    weights = f"log/Checkpoint/{SETS[name][0]}/model.pth"
    has_weights = os.path.isfile(weights)
    print("ready", file=answers, flush=True)
    for command in sys.stdin:
        start = clock()
        result = ""
        if command.strip() == "batch":
            trainer._train_epoch([next(batches)], 0)
        elif command.strip() == "rank":
            found = trainer.evaluate(test, load_best_model=has_weights, model_file=weights)
            result = f" {found}"
        print(f"{clock() - start:.6f}{result}", file=answers, flush=True)


if __name__ == "__main__":
    main()
