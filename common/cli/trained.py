"""What is done with a trained run: its backbone is written, and the user's data are embedded."""

from pathlib import Path

from rich.console import Console

from common.config.schema import Recipe
from common.data.data_sets import find_set
from common.errors import UsageError
from common.runs.folder import open_run
from common.runs.outputs import (
    DETECTRON2,
    EMBEDDINGS,
    HUB,
    LIBRARIES,
    SENTENCES,
    WEIGHTS,
    check_output,
)


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
    open_run(run_dir)
    if library == HUB:
        _export_to_hub(run_dir, out or run_dir / HUB, repository, console)
        return
    if library == SENTENCES:
        from common.runs.export_text import export_sentences

        folder = export_sentences(run_dir, out or run_dir / SENTENCES)
        console.print(f"wrote {folder}", soft_wrap=True)
        console.print(
            f"  from sentence_transformers import SentenceTransformer\n"
            f"  model = SentenceTransformer({str(folder)!r})",
            soft_wrap=True,
        )
        return
    endings = DETECTRON2 if library == "detectron2" else WEIGHTS
    stem = f"backbone-{library}" if library in ("timm", "detectron2") else "backbone"
    target = out or run_dir / f"{stem}{next(iter(endings))}"
    check_output(target, endings, force)
    from common.runs.export import export_backbone

    written = export_backbone(run_dir, target, library)
    console.print(f"wrote {written.path}", soft_wrap=True)
    said = [f"{name}: {value}" for name, value in written.description.items() if value != []]
    for line in [*said, *written.notes]:
        console.print(f"  {line}", soft_wrap=True, markup=False, highlight=False)
    if written.lines:
        console.print("in Python:")
    for line in written.lines:
        console.print(f"  {line}", soft_wrap=True, markup=False, highlight=False)


def _export_to_hub(run_dir: Path, folder: Path, repository: str | None, console: Console) -> None:
    from common.weights.hub import check_hub, push, write_hub

    record = check_hub(run_dir, folder, repository)
    from common.runs.export import load_run

    write_hub(load_run(run_dir).module, record, folder, repository)
    console.print(f"wrote {folder}", soft_wrap=True, highlight=False)
    console.print(f"  import common\n  module = common.load({str(folder)!r})", soft_wrap=True)
    if repository is not None:
        console.print(f"uploaded to {push(folder, repository)}", soft_wrap=True, highlight=False)


def embed_own(
    source: Path,
    published: tuple[Recipe, Path] | None,
    data: Path,
    out: Path | None,
    force: bool,
    console: Console,
    wandb: str | None = None,
) -> None:
    """Embeds the user's ``data``, writes the arrays and says their shapes.

    Args:
        source: The run's folder, unless weights are ``published``.
        published: A recipe and the file of weights for it.
        data: The user's.
        out: Where to; default: ``embeddings.npz`` in the run's folder, or here. Captions of a run
            on images with texts get ``embeddings-captions.npz``, beside the vectors of images.
        force: Whether a file that exists is replaced.
        console: Where to say what was written.
        wandb: ``ENTITY/PROJECT`` of W&B, where they are logged as a table, too.

    Raises:
        UsageError: A file that is not to be written, or no such project; before torch is loaded.
        LikewiseError: W&B does not take the table; the file is written.
    """
    if not data.expanduser().exists():
        raise UsageError(f"--data {data}: no such file or folder")
    target = out
    if target is None:
        recipe = published[0] if published else open_run(source).read_recipe()
        target = (Path() if published else source) / name_of_vectors(recipe, data)
    check_output(target, EMBEDDINGS, force)
    if wandb is not None:
        from common.tracking.wandb_table import check_project, log_embeddings

        check_project(wandb)
    from common.runs.evaluate import with_protocols
    from common.runs.export import embed_data, load_run
    from common.runs.loading import load_weights

    if published is None:
        ready = load_run(source)
    else:
        ready = load_weights(with_protocols(published[0], []), published[1]).experiment
    arrays = embed_data(ready, published[1] if published else source, data, target)
    console.print(f"wrote {target}", soft_wrap=True)
    for name, array in arrays.items():
        console.print(f"  {name}  {array.shape}  {array.dtype}", highlight=False)
    if wandb is not None:
        console.print(log_embeddings(wandb, arrays), soft_wrap=True, highlight=False)


def name_of_vectors(recipe: Recipe, data: Path) -> str:
    """Returns the file for vectors of ``data``; those of images and captions lie side by side."""
    found = find_set(recipe.data.name)
    both = found is not None and found.modality == "image_text"
    return "embeddings-captions.npz" if both and data.expanduser().is_file() else "embeddings.npz"
