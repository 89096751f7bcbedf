"""What `papers embed` does: the user's data are embedded with a run or with weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from common.config.files import check_output
from common.config.schema import Recipe, with_protocols
from common.data.modality import find_set
from common.errors import UsageError
from common.export.tables import EMBEDDINGS
from common.runs.folder import open_run


def embed_own(
    source: Path,
    published: tuple[Recipe, Path] | None,
    data: Path,
    out: Path | None,
    force: bool,
    console: Console,
    wandb: str | None = None,
    reading: Mapping[str, Any] | None = None,
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
        reading: Settings of ``data`` in place of a run's, as `read_otherwise` takes them.

    Raises:
        UsageError: A file that is not to be written, or no such project; before torch is loaded.
        LikewiseError: W&B does not take the table; the file is written.
    """
    if not data.expanduser().exists():
        raise UsageError(f"{data}: no such file or folder")
    target = out
    if target is None:
        recipe = published[0] if published else open_run(source).read_recipe()
        target = (Path() if published else source) / name_of_vectors(recipe, data)
    check_output(target, EMBEDDINGS, force)
    if wandb is not None:
        from common.tracking.wandb_table import check_project, log_embeddings_table

        check_project(wandb)
    from common.export.tables import embed_data
    from common.runs.loading import load_run, load_weights, read_otherwise

    if published is None:
        ready = load_run(open_run(source))
        read_otherwise(ready, reading or {}, data)
    else:
        ready = load_weights(with_protocols(published[0], []), published[1]).experiment
    arrays = embed_data(ready, published[1] if published else source, data, target)
    console.print(f"wrote {target}", soft_wrap=True)
    for name, array in arrays.items():
        console.print(f"  {name}  {array.shape}  {array.dtype}")
    if wandb is not None:
        console.print(log_embeddings_table(wandb, arrays), soft_wrap=True)


def name_of_vectors(recipe: Recipe, data: Path) -> str:
    """Returns the file for vectors of ``data``; those of images and captions lie side by side."""
    found = find_set(recipe.data.name)
    both = found is not None and found.modality == "image_text"
    return "embeddings-captions.npz" if both and data.expanduser().is_file() else "embeddings.npz"
