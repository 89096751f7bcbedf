"""What a trained run makes of a user's data as a table: embeddings, or the next items."""

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.config.files import check_output, reading, write_atomic
from common.config.schema import Recipe
from common.errors import UsageError
from common.paper import get_paper
from common.runs.folder import open_run

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from common.training.fit import Experiment

# The endings of the files, and the library that each needs.
EMBEDDINGS = {".npz": None, ".parquet": "pyarrow"}
RECOMMENDATIONS = {".csv": None, ".parquet": "pyarrow"}
COLUMNS = ("user", "rank", "item", "score")
CHUNK = 128
Row = tuple[str, int, Any, float]


def recommend(
    run_dir: Path,
    data: Path | None,
    top: int,
    target: Path,
    keep_seen: bool,
    force: bool,
    columns: Mapping[str, Any] | None = None,
) -> int:
    """Writes the ``top`` items that each user will most likely act on next; returns the rows.

    Args:
        run_dir: A finished run's folder.
        data: The users' actions in a form that the run reads; the file it was trained on if None.
        top: How many items a user gets, or as many as are left.
        target: A ``.csv`` or ``.parquet``; see `COLUMNS`. ``rank`` counts from 1.
        keep_seen: Whether an item that a user has acted on may be recommended again.
        force: Whether ``target`` may be there already.
        columns: Those of ``data`` in place of the run's, as `read_otherwise` takes them.

    Raises:
        UsageError: What was asked for cannot be done; known before torch is loaded.
        DataError: A broken file, of which the line is named, or no item that the run knows.
    """
    run = open_run(run_dir)
    recipe = run.read_recipe()
    path = _check(recipe, run_dir, data, top)
    check_output(target, RECOMMENDATIONS, force)
    from common.runs.devices import evaluation_device
    from common.runs.loading import load_run, read_otherwise

    experiment = load_run(run)
    read_otherwise(experiment, columns or {}, path)
    experiment.module.to(evaluation_device(recipe))
    data_module: Any = experiment.data  # the data module of what has a next item
    with reading(path):
        users, inputs = data_module.path_inputs(experiment.module, path)
    rows = list(_rows(users, inputs, data_module.sequences.known_items(), top, keep_seen))
    write_atomic(target, _table(rows) if target.suffix == ".parquet" else _csv(rows))
    return len(rows)


def _check(recipe: Recipe, run_dir: Path, data: Path | None, top: int) -> Path:
    """Returns the file of the users' actions; raises `UsageError` for what cannot be done."""
    paper = get_paper(recipe.paper)
    if paper.target != "next item":
        raise UsageError(f"{run_dir}: {paper.name} recommends nothing; papers embed takes its runs")
    if top < 1:
        raise UsageError(f"--top {top}: must be at least 1")
    path = getattr(recipe.data, "path", None) if data is None else data
    if path is None:
        raise UsageError(f"{run_dir}: was not trained on a file of yours; add --data FILE")
    if not Path(path).expanduser().is_file():
        raise UsageError(f"{path}: no such file of actions; --data FILE names it")
    return Path(path)


def _rows(users: Any, inputs: Any, items: Any, top: int, keep_seen: bool) -> Iterator[Row]:
    """Yields each user's rows, in the order of ``users``.

    Args:
        users: Ids ``(users,)``.
        inputs: A `common.evaluation.ranking.RankingInput`.
        items: Ids ``(num_items,)`` of the table's rows after the padding item.
        top: How many.
        keep_seen: As in `recommend`.
    """
    import torch

    from common.evaluation.frozen import require_finite
    from common.evaluation.progress import show_progress

    queries = require_finite(inputs.queries, "embeddings of users")
    table = require_finite(inputs.items, "the item table")
    with show_progress("recommending", len(users)) as advance:
        for start in range(0, len(users), CHUNK):
            scores = queries[start : start + CHUNK] @ table.T
            scores[:, 0] = -torch.inf  # the padding item
            if not keep_seen:
                row, item = inputs.history.cells(start, start + len(scores))
                scores[row.to(scores.device), item.to(scores.device)] = -torch.inf
            best = scores.topk(min(top, scores.shape[1]), dim=1)
            places, values = best.indices.tolist(), best.values.tolist()
            for user, own, its in zip(users[start : start + CHUNK], places, values, strict=True):
                for rank, (place, score) in enumerate(zip(own, its, strict=True), start=1):
                    if score > -torch.inf:  # else none is left
                        yield str(user), rank, items[place - 1], score
            advance(len(scores), "")


def _csv(rows: list[Row]) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows((user, rank, item, f"{score:.6g}") for user, rank, item, score in rows)
    return text.getvalue()


def _table(rows: list[Row]) -> bytes:
    import pyarrow
    import pyarrow.parquet

    columns = zip(*rows, strict=True) if rows else ([] for _ in COLUMNS)
    whole = pyarrow.table(
        {name: list(column) for name, column in zip(COLUMNS, columns, strict=True)}
    )
    content = io.BytesIO()
    pyarrow.parquet.write_table(whole, content)
    return content.getvalue()


def embed_data(
    experiment: "Experiment", weights: Path, path: Path, target: Path
) -> "dict[str, NDArray[Any]]":
    """Embeds the user's data at ``path`` and writes them to ``target``, .npz or .parquet.

    The run's data module reads ``path`` in its ordinary form and says which arrays it returns.
    ``weights`` is where the module's come from, the run's folder or their file: the run's own items
    are no part of the data.

    Returns:
        What was written: ``embeddings`` (rows, dim), ``ids`` (rows,), ``labels`` (rows,) where they
        are known, and what else the paper gives.

    Raises:
        LikewiseError: Some are NaN or infinite, as none is that a protocol measures; ``target`` is
            as it was.
    """
    import numpy as np
    import torch

    from common.data.catalogue.packers.arrays import npz_bytes
    from common.evaluation.frozen import require_finite
    from common.runs.devices import evaluation_device

    experiment.module.to(evaluation_device(experiment.recipe))
    with reading(path):
        found = experiment.data.embed_path(experiment.module, path)
    for name, array in found.items():
        if name.endswith("embeddings"):
            require_finite(torch.from_numpy(array), f"{weights}: {name} (data: {path})")
    first = {"embeddings": found["embeddings"], "ids": np.arange(len(found["embeddings"]))}
    arrays = {**first, **found}
    as_table = target.suffix == ".parquet"
    write_atomic(target, _vectors(arrays) if as_table else npz_bytes(arrays))
    return arrays


def _vectors(arrays: "dict[str, NDArray[Any]]") -> bytes:
    """Returns a Parquet file with a row for each of the ``embeddings``, which are lists of numbers.

    Arrays of another length, such as those of items, are left out: an npz holds them.
    """
    import pyarrow as pa
    from pyarrow import parquet

    rows, dim = arrays["embeddings"].shape
    columns = {k: pa.array(v) for k, v in arrays.items() if v.shape == (rows,)}
    flat = pa.array(arrays["embeddings"].reshape(-1))
    columns["embeddings"] = pa.FixedSizeListArray.from_arrays(flat, dim)
    content = io.BytesIO()
    parquet.write_table(pa.table(columns), content)
    return content.getvalue()
