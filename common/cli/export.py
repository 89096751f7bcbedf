"""What `papers export` does: a run's backbone is written for a library or for the hub."""

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from common.config.files import check_folder, check_output
from common.errors import UsageError
from common.results.record import read_record
from common.runs.folder import RunFolder, open_run

if TYPE_CHECKING:
    from common.training.fit import Experiment

SENTENCES, HUB = "sentence-transformers", "hub"
LIBRARIES = ("torchvision", "timm", "detectron2", SENTENCES, HUB, "state-dict")
# The endings of files of weights, and the library that each needs.
WEIGHTS = {".pt": None, ".safetensors": "safetensors"}
DETECTRON2 = {".pth": None}


def export_run(
    run_dir: Path,
    out: Path | None,
    library: str | None,
    force: bool,
    console: Console,
    repository: str | None = None,
) -> None:
    """Writes the run's backbone and says what it is and how it is loaded.

    Args:
        run_dir: The run's folder.
        out: Where to; default: a file in the run's folder.
        library: Which it is for; None: as `export_backbone` chooses.
        force: Whether a file that exists is replaced.
        console: Where to say so.
        repository: Where on the hub the folder is uploaded to, ``OWNER/NAME``.

    Raises:
        UsageError: No such run or library, or a file that is not to be written.
    """
    if library is not None and library not in LIBRARIES:
        raise UsageError(f"--to {library}: must be one of {', '.join(LIBRARIES)}")
    if repository is not None and library != HUB:
        raise UsageError(f"--push {repository}: uploads what --to {HUB} writes; give both")
    run = open_run(run_dir)
    target = out or run.path / _name(library)
    if library in (HUB, SENTENCES):
        check_folder(target)
    else:
        check_output(target, DETECTRON2 if library == "detectron2" else WEIGHTS, force)
    if library == HUB:
        from common.export.hub import check_hub

        check_hub(run, repository)
    from common.runs.loading import load_run

    experiment = load_run(run)
    if library == HUB:
        _export_to_hub(experiment, run, target, repository, console)
    elif library == SENTENCES:
        _export_sentences(experiment, target, console)
    else:
        _export_backbone(experiment, run, target, library, console)


def _name(library: str | None) -> str:
    if library in (HUB, SENTENCES):
        return str(library)
    stem = f"backbone-{library}" if library in ("timm", "detectron2") else "backbone"
    return f"{stem}{'.pth' if library == 'detectron2' else '.pt'}"


def _export_backbone(
    experiment: "Experiment", run: RunFolder, target: Path, library: str | None, console: Console
) -> None:
    from common.export.backbone import export_backbone

    written = export_backbone(experiment, run, target, library)
    console.print(f"wrote {written.path}", soft_wrap=True)
    said = [f"{name}: {value}" for name, value in written.description.items() if value != []]
    for line in [*said, *written.notes]:
        console.print(f"  {line}", soft_wrap=True)
    if written.lines:
        console.print("in Python:")
    for line in written.lines:
        console.print(f"  {line}", soft_wrap=True)


def _export_sentences(experiment: "Experiment", folder: Path, console: Console) -> None:
    from common.export.text import export_sentences

    export_sentences(experiment, folder)
    console.print(f"wrote {folder}", soft_wrap=True)
    console.print(
        f"  from sentence_transformers import SentenceTransformer\n"
        f"  model = SentenceTransformer({str(folder)!r})",
        soft_wrap=True,
    )


def _export_to_hub(
    experiment: "Experiment",
    run: RunFolder,
    folder: Path,
    repository: str | None,
    console: Console,
) -> None:
    from common.export.hub import push, write_hub

    write_hub(experiment.module, read_record(run.record), folder, repository)
    console.print(f"wrote {folder}", soft_wrap=True)
    console.print(f"  import common\n  module = common.load({str(folder)!r})", soft_wrap=True)
    if repository is not None:
        console.print(f"uploaded to {push(folder, repository)}", soft_wrap=True)
