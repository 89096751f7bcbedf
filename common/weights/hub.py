"""A trained module as the folder that the Hugging Face hub takes; loaded again, and uploaded."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from lightning import LightningModule

from common.backbones.published import read_state_dict
from common.config.yaml_io import to_yaml
from common.errors import DataError, LikewiseError, MissingLibrary, UsageError
from common.files import check_folder, write_folder
from common.paper import get_paper
from common.results.record import Record, parse_record, record_to_json
from common.runs.folder import open_run
from common.training.paper_module import restored
from common.weights.card import card_text
from common.weights.licences import FREE, licence_of

WEIGHTS, CONFIG, RECORD, CARD = "model.safetensors", "config.json", "result.json", "README.md"
# The hub's words for what a model is for, where one fits.
PIPELINES = {"images": "image-feature-extraction", "text": "feature-extraction"}
PIPELINES |= {"graphs": "graph-ml"}


def check_hub(run_dir: Path, folder: Path, repository: str | None) -> Record:
    """Returns the run's record, or refuses what would fail after the work.

    Raises:
        UsageError: The run has not finished, ``folder`` holds something, ``repository`` is no
            ``OWNER/NAME``, or nobody is logged in to the hub.
        MissingLibrary: Without the libraries of the extra.
    """
    run = open_run(run_dir)
    if not run.record.is_file():
        raise UsageError(f"{run.path}: not finished; first papers resume {run.path}")
    check_folder(folder)
    with _libraries():
        import huggingface_hub
        import safetensors  # noqa: F401 (only whether it is here)
    if repository is not None and not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise UsageError(f"--push {repository}: write OWNER/NAME")
    if repository is not None and huggingface_hub.get_token() is None:
        raise UsageError("--push: the hub knows nobody here; hf auth login, or set HF_TOKEN")
    return parse_record(run.record.read_text(encoding="utf-8"), str(run.record))


def write_hub(
    module: LightningModule, record: Record, folder: Path, repository: str | None
) -> None:
    """Writes ``folder``: weights, settings, record and model card; loads it back and compares.

    Args:
        module: The trained one.
        record: The run's.
        folder: Is made; what stood there before must be empty.
        repository: ``OWNER/NAME``, which the card tells how to load, if it is known.

    Raises:
        LikewiseError: The module that is loaded back has other weights.
    """
    from safetensors.torch import save

    state = {name: array.contiguous().clone() for name, array in module.state_dict().items()}
    settings = {
        "likewise": version("likewise"),
        "paper": record.paper,
        "baseline": (record.config or {}).get("baseline"),
        **dict(module.hparams),
    }
    files: dict[str, bytes | str] = {
        WEIGHTS: save(state, {"format": "pt"}),
        CONFIG: json.dumps(settings, indent=2) + "\n",
        RECORD: record_to_json(record),
        CARD: _front(record) + card_text(record, _use(repository)),
    }
    write_folder(folder, files)
    found = load_hub(folder).state_dict()
    if not all(torch.equal(array, found[name]) for name, array in state.items()):
        raise LikewiseError(f"{folder}: what is loaded from it differs from the run; report this")


def is_hub(folder: Path) -> bool:
    """Tells whether ``folder`` holds what `write_hub` writes."""
    return (folder / CONFIG).is_file() and (folder / WEIGHTS).is_file()


def load_hub(folder: Path) -> LightningModule:
    """Returns the module of a folder that `write_hub` wrote, in evaluation mode, on the CPU.

    Raises:
        DataError: The settings or the weights are not what `write_hub` writes.
    """
    path = folder / CONFIG
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        kind = get_paper(settings["paper"]).module(settings["baseline"])
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: not what papers export --to hub writes ({error})") from None
    arguments = {
        name: (values := settings.get(name)) and restored(schema, values, str(path))
        for name, schema in kind.settings_types().items()
    }
    module: LightningModule = kind(**arguments)
    module.load_state_dict(read_state_dict(folder / WEIGHTS))
    return module.eval()


def push(folder: Path, repository: str) -> str:
    """Uploads ``folder`` and returns its address; a repository that is made for it is private.

    Raises:
        LikewiseError: The hub cannot be reached or refuses.
    """
    with _libraries():
        from huggingface_hub import HfApi
    api = HfApi()
    try:
        url = api.create_repo(repository, private=True, exist_ok=True)
        api.upload_folder(repo_id=repository, folder_path=folder)
    except Exception as error:  # of many types
        reason = " ".join(str(error).split()) or type(error).__name__
        raise LikewiseError(f"--push {repository}: not uploaded: {reason}") from error
    return str(url)


def _front(record: Record) -> str:
    """Returns the head of a card that the hub reads; no licence where the data's is not known."""
    paper = get_paper(record.paper)
    words: dict[str, Any] = {"library_name": "likewise"}
    if licence_of(record.data) in FREE:
        words["license"] = "apache-2.0"
    if pipeline := PIPELINES.get(paper.modalities[0]):
        words["pipeline_tag"] = pipeline
    words["tags"] = ["contrastive-learning", record.paper, *paper.modalities]
    return f"---\n{to_yaml(words)}---\n\n"


def _use(repository: str | None) -> Sequence[str]:
    begin = ["# needs Likewise: in its checkout, pip install .", "import common"]
    if repository is None:
        return [*begin, "module = common.load('FOLDER')  # the folder of this card"]
    return [
        *begin,
        "from huggingface_hub import snapshot_download",
        f"module = common.load(snapshot_download({repository!r}))",
    ]


@contextmanager
def _libraries() -> Iterator[None]:
    try:
        yield
    except ImportError:
        raise MissingLibrary("--to hub", "hub", "huggingface_hub safetensors") from None
