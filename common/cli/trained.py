"""What is done with a trained run or published weights: their backbone and embeddings written."""

from pathlib import Path

from rich.console import Console

from common.config.schema import Recipe
from common.runs.outputs import EMBEDDINGS, check_output


def embed_own(
    source: Path,
    published: tuple[Recipe, Path] | None,
    data: Path,
    out: Path | None,
    force: bool,
    console: Console,
) -> None:
    """Embeds the user's ``data``, writes the arrays and says their shapes.

    Args:
        source: The run's folder, unless weights are ``published``.
        published: A recipe and the file of weights for it.
        data: The user's.
        out: Where to; default: ``embeddings.npz`` in the run's folder, or here.
        force: Whether a file that exists is replaced.
        console: Where to say what was written.

    Raises:
        UsageError: A file that is not to be written; before torch is loaded.
    """
    target = out or (Path() if published else source) / "embeddings.npz"
    check_output(target, EMBEDDINGS, force)
    from common.runs.evaluate import with_protocols
    from common.runs.export import embed_data, load_run, load_weights

    if published is None:
        ready = load_run(source)
    else:
        ready, _ = load_weights(with_protocols(published[0], []), published[1])
    arrays = embed_data(ready, published[1] if published else source, data, target)
    console.print(f"wrote {target}", soft_wrap=True)
    for name, array in arrays.items():
        console.print(f"  {name}  {array.shape}  {array.dtype}", highlight=False)
