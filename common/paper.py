"""What a paper declares about itself, and how the declarations are found."""

from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from common.errors import UsageError, suggest


@dataclass(frozen=True, kw_only=True)
class Paper:
    """A paper's declaration, made in ``papers/<name>/__init__.py`` as ``PAPER``.

    ``module_class`` and ``config_class`` are class names in the folder's ``module.py`` and
    ``config.py``. ``ddp_strategy`` is the Lightning strategy for several devices, or None with
    the reason in ``ddp_refusal``. ``weights`` tells which published weights `papers evaluate
    --weights` can read, if the folder has a ``weights.py``.
    """

    name: str
    title: str
    authors: str
    venue: str
    year: int
    arxiv: str
    bibtex: str
    modality: str
    module_class: str
    config_class: str
    evaluators: tuple[str, ...]
    default_recipe: str = "quick"
    ddp_strategy: str | None = "ddp"
    ddp_refusal: str = ""
    manual_optimization: bool = False

    def part(self, name: str) -> Any:
        """Imports ``papers.<paper>.<name>``."""
        return import_module(f"papers.{self.name}.{name}")

    @property
    def module(self) -> Any:
        """The paper's LightningModule class (imports torch)."""
        return getattr(self.part("module"), self.module_class)

    @property
    def config(self) -> Any:
        """The dataclass that is the schema of ``method:`` (imports no torch)."""
        return getattr(self.part("config"), self.config_class)


def paper_names() -> list[str]:
    """Returns the names of all papers, sorted."""
    folder = import_module("papers")
    return sorted(entry.name for entry in iter_modules(folder.__path__) if entry.ispkg)


def get_paper(name: str) -> Paper:
    """Returns the declaration of paper ``name``.

    Raises:
        UsageError: If there is none; the nearest name is offered.
    """
    name = name.lower()
    if name not in paper_names():
        raise UsageError(f"unknown paper {name!r}{suggest(name, paper_names())}")
    return import_module(f"papers.{name}").PAPER
