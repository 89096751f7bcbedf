"""The run's numbers as a file that survives a kill: ``metrics.csv``, one value a line.

Tidy long form, ``batch,epoch,key,value``. A run killed anywhere and resumed leaves the same bytes
as the uninterrupted one: `MetricsFile.cut` goes back to the checkpoint's batch, and what the run
writes again at that batch is not written twice.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, NamedTuple, SupportsFloat

from common.config.files import write_atomic
from common.errors import DataError, LikewiseError

HEADER = "batch,epoch,key,value"
METRICS_NAME = "metrics.csv"
# What depends on the clock, so that metrics.csv can be compared byte for byte.
PERF_NAME = "perf.csv"
PERF_PREFIX = "perf/"
# Neither comma, quote nor white space: the file needs no quoting and any reader splits it.
_KEY = re.compile(r"[A-Za-z0-9_@./:=+-]+")


class MetricRow(NamedTuple):
    """One value of one key, after ``batch`` batches."""

    batch: int
    epoch: int
    key: str
    value: float


def _parse(line: str, where: str) -> MetricRow:
    try:
        batch, epoch, key, value = line.split(",")
        return MetricRow(int(batch), int(epoch), key, float(value))
    except ValueError:
        shown = line if len(line) <= 60 else line[:60] + "..."
        raise DataError(f"{where}: not a line of {HEADER}: {shown!r}; remove it") from None


def _whole_lines(path: Path) -> Iterator[tuple[str, MetricRow]]:
    """Yields each line with its row; a last line without its line end was torn and is left out."""
    # Strictly "\n": splitlines() would also split at form feeds and the like in broken bytes.
    first, *lines = path.read_bytes().decode(errors="replace").split("\n")[:-1] or [HEADER]
    if first != HEADER:
        raise DataError(f"{path}: does not begin with {HEADER!r}, so it is no file of ours")
    for number, line in enumerate(lines, start=2):
        yield line, _parse(line, f"{path}:{number}")


def read_metrics(path: str | Path) -> list[MetricRow]:
    """Reads a ``metrics.csv`` or ``perf.csv``; a torn last line is left out.

    Raises:
        DataError: The file is missing, or a line in it is none of ours (named by its number).
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    return [row for _, row in _whole_lines(path)]


class _Table:
    """One append-only file, flushed at every write."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stream: IO[str] | None = None
        # (batch, key) of rows that a resumed run may be about to write again.
        self._written: set[tuple[int, str]] = set()
        content = path.read_bytes() if path.exists() else b""
        if not content.endswith(b"\n"):
            kept = content[: content.rfind(b"\n") + 1].decode(errors="replace")
            write_atomic(path, kept or HEADER + "\n")

    def append(self, batch: int, epoch: int, metrics: Iterable[tuple[str, float]]) -> None:
        if self._written:
            metrics = [item for item in metrics if (batch, item[0]) not in self._written]
        text = "".join(f"{batch},{epoch},{key},{value!r}\n" for key, value in metrics)
        if not text:
            return
        try:
            if self._stream is None:
                self._stream = self.path.open("r+", encoding="utf-8", newline="")
                self._stream.seek(0, os.SEEK_END)
            self._check_place(self._stream)
            self._stream.write(text)
            self._stream.flush()
        except OSError as error:
            message = f"{self.path}: cannot be written ({error.strerror}); mend that, then resume"
            raise LikewiseError(message) from error

    def cut(self, batch: int) -> None:
        self.close()
        kept = [(line, row) for line, row in _whole_lines(self.path) if row.batch <= batch]
        write_atomic(self.path, "\n".join([HEADER, *(line for line, _ in kept)]) + "\n")
        self._written = {(row.batch, row.key) for _, row in kept if row.batch == batch}

    def _check_place(self, stream: IO[str]) -> None:
        """Raises `LikewiseError` where others would no longer find what is written."""
        mine = os.fstat(stream.fileno())
        if not self.path.exists() or not os.path.samestat(mine, self.path.stat()):
            raise LikewiseError(
                f"{self.path}: is gone or another file; what a run writes stays while it runs"
            )

    def sync(self) -> None:
        if self._stream is not None:
            self._check_place(self._stream)
            os.fsync(self._stream.fileno())

    def close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()


class MetricsFile:
    """``metrics.csv`` and, for keys ``perf/*``, ``perf.csv`` in a run's folder.

    Opening a folder that holds them goes on where they end; a line torn by a kill is removed.
    Only the first process of a run may hold one.
    """

    def __init__(self, run_dir: str | Path) -> None:
        """Creates the files with their header unless they are there.

        Raises:
            LikewiseError: The folder cannot be written to.
        """
        self._metrics = _Table(Path(run_dir) / METRICS_NAME)
        self._perf = _Table(Path(run_dir) / PERF_NAME)

    def write(self, batch: int, epoch: int, metrics: Mapping[str, SupportsFloat]) -> None:
        """Appends one row a key, in the order of the keys' names, and flushes.

        Sorted, since a resumed run may collect the same keys in another order. Rows that `cut`
        kept at its own batch are not written a second time.

        Args:
            batch: ``batches_seen`` of the module.
            epoch: The running epoch.
            metrics: Numbers or tensors of one element; written so that they read back exactly.

        Raises:
            ValueError: A key holds a comma, a quote, white space or a letter beyond ASCII.
            LikewiseError: The disk is full, or the file is gone.
        """
        rows = sorted((key, float(value)) for key, value in metrics.items())
        for key, _ in rows:
            if not _KEY.fullmatch(key):
                raise ValueError(f"metric key {key!r}: use letters, digits and _ @ . / : = + -")
        lasting = [row for row in rows if not row[0].startswith(PERF_PREFIX)]
        self._metrics.append(batch, epoch, lasting)
        self._perf.append(batch, epoch, [row for row in rows if row[0].startswith(PERF_PREFIX)])

    def cut(self, batch: int) -> None:
        """Goes back to ``batch``, the checkpoint's: drops later rows and any torn last line.

        Raises:
            DataError: A file is none of ours, or a line in it was edited or damaged.
        """
        self._metrics.cut(batch)
        self._perf.cut(batch)

    def sync(self) -> None:
        """Forces the rows to the disk, as a checkpoint should before it counts on them.

        Raises:
            LikewiseError: A file is gone.
        """
        self._metrics.sync()
        self._perf.sync()

    def close(self) -> None:
        """Closes the files; a later write opens them again."""
        self._metrics.close()
        self._perf.close()
