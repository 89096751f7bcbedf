"""Progress of what takes minutes to days; silent until the command says how to show it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

Advance = Callable[[int, str], None]
Show = Callable[[str, int], AbstractContextManager[Advance]]


@contextmanager
def _silent(_what: str, _total: int) -> Iterator[Advance]:
    yield lambda _steps, _text: None


def _quiet(_text: str) -> None: ...


_show: Show = _silent
_tell: Callable[[str], None] = _quiet


def show_by(show: Show, tell: Callable[[str], None]) -> None:
    """Sets who shows progress, and who prints a line, from now on."""
    global _show, _tell
    _show, _tell = show, tell


def show_progress(what: str, total: int) -> AbstractContextManager[Advance]:
    """Returns a context that gives ``advance(steps, text)``."""
    return _show(what, total)


def tell(text: str) -> None:
    """Prints a line, once for all processes."""
    _tell(text)
