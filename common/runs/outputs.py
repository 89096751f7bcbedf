"""Files that a command writes where the user wants them: refused before anything is loaded."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from common.errors import UsageError

# The endings of what `papers embed`, `recommend` and `export` write, and the library each needs.
SENTENCES, HUB = "sentence-transformers", "hub"
LIBRARIES = ("torchvision", "timm", "detectron2", SENTENCES, HUB, "state-dict")
WEIGHTS: Mapping[str, str | None] = {".pt": None, ".safetensors": "safetensors"}
DETECTRON2: Mapping[str, str | None] = {".pth": None}
EMBEDDINGS: Mapping[str, str | None] = {".npz": None, ".parquet": "pyarrow"}
TABLE: Mapping[str, str | None] = {".csv": None, ".parquet": "pyarrow"}


def check_output(path: Path, libraries: Mapping[str, str | None], force: bool) -> None:
    """Refuses to write ``path`` where that would fail or replace a file.

    Args:
        path: The file.
        libraries: The endings that are known, and what each needs.
        force: Whether a file that exists is replaced.

    Raises:
        UsageError: Another ending, a library that is not installed, or a file that exists.
    """
    if path.suffix not in libraries:
        raise UsageError(f"{path}: the name must end in {', '.join(libraries)}")
    library = libraries[path.suffix]
    if library is not None and find_spec(library) is None:
        raise UsageError(
            f"{path}: needs {library}: pip install {library}; or end the name in "
            f"{next(iter(libraries))}"
        )
    if path.exists() and not force:
        raise UsageError(f"{path}: exists already; add --force to replace it, or choose another")
