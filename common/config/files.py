"""Files that are either the old content or the new, whatever kills the process; their digests."""

import contextlib
import hashlib
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from common.errors import DataError, LikewiseError, UsageError, shown


@contextlib.contextmanager
def reading(path: str | Path | None) -> Iterator[None]:
    """Within it what a user's file or folder ``path`` asks of the machine in vain is told of it.

    Its readers name the place of what is malformed. Left are memory that no machine has, numbers
    and depths beyond those of Python, and what the system refuses to open beside ``path``. Other
    faults are the code's own, and show their traceback.

    Args:
        path: The user's; None: the data are another's.

    Raises:
        DataError: In place of such a fault.
    """
    try:
        yield
    except (MemoryError, OverflowError, RecursionError, OSError, RuntimeError) as error:
        said = None if path is None else _in_words(error, Path(path).expanduser())
        if said is None:
            raise
        raise DataError(f"{path}: {said}") from error


def _in_words(error: Exception, path: Path) -> str | None:
    """Returns what is wrong with ``path``; None for a fault of another origin."""
    if isinstance(error, OSError):
        name = os.path.abspath(os.fsdecode(error.filename or os.sep))
        beside = name.startswith(os.path.join(path.absolute().parent, ""))
        return f"{shown(name)} cannot be read ({error.strerror})" if beside else None
    if isinstance(error, RecursionError):
        return "is nested too deep to be read"
    if isinstance(error, OverflowError):
        return f"holds a number that is too large ({error})"
    # Torch has no error of its own for this.
    if isinstance(error, MemoryError) or "not enough memory" in str(error):
        return f"asks for more memory than there is ({error})"
    return None


def write_atomic(path: str | Path, data: bytes | str) -> None:
    """Writes ``data`` to ``path`` through a synced temporary file in the same folder.

    Missing parent folders are made. Text is written as UTF-8 with its line ends unchanged.

    Raises:
        LikewiseError: The disk is full or the folder not writable; ``path`` is as it was.
    """
    path = Path(path)
    content = data.encode() if isinstance(data, str) else data
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        raise _not_written(path, error) from error
    finally:
        # The same fault may forbid this too; it must not hide the message above.
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _not_written(path: Path, error: OSError) -> LikewiseError:
    reason = error.strerror or str(error)
    return LikewiseError(f"{path}: could not be written ({reason}); it is as before")


def write_folder(folder: Path, files: Mapping[str, bytes | str]) -> None:
    """Writes ``folder``, whole or not at all; what stood there before must be empty.

    Raises:
        UsageError: The folder holds something.
        LikewiseError: As `write_atomic`.
    """
    check_folder(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=".export-", dir=folder.parent, ignore_cleanup_errors=True
        ) as made:
            for name, content in files.items():
                write_atomic(Path(made, name), content)
            os.chmod(made, 0o755)  # a temporary folder is its maker's alone
            os.replace(made, folder)
    except OSError as error:
        raise _not_written(folder, error) from error


def check_folder(folder: Path) -> None:
    """Raises `UsageError` where ``folder`` is a file, holds something or cannot be made."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder}: holds something already; name a new folder by --out DIR")
    require_writable(folder.parent)


def check_output(
    path: Path, libraries: Mapping[str, str | None], force: bool, option: str = "--out FILE"
) -> None:
    """Refuses to write ``path`` where that would fail or replace a file, before anything is loaded.

    Args:
        path: The file.
        libraries: The endings that are known, and what each needs.
        force: Whether a file that exists is replaced.
        option: The command's, which names the file.

    Raises:
        UsageError: Another ending, a library that is not installed, a file that exists, or a folder
            that cannot be written.
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
        raise UsageError(
            f"{path}: exists already; add --force to replace it, or name another by {option}"
        )
    require_writable(path.parent)


def require_writable(folder: Path) -> None:
    """Raises `UsageError` where no file can be made in ``folder``, which need not be there yet."""
    whole = folder.absolute()
    there = next(one for one in (whole, *whole.parents) if os.path.exists(one))
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise UsageError(f"{folder}: no file can be written there")


def remove_torn(*folders: Path) -> None:
    """Removes the temporary files that a killed writer left; nobody may be writing there."""
    for folder in folders:
        for torn in folder.glob(".*.tmp"):
            torn.unlink(missing_ok=True)


def file_digest(path: str | Path, kind: str = "sha256") -> str:
    """Returns the digest of the file's bytes, in hex; ``kind`` as `hashlib` calls it."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()


def sync_folder(folder: Path) -> None:
    """Makes renames within ``folder`` survive a power cut, where the system can sync folders."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
