"""What a paper declares about itself, and how the declarations are found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from common.errors import ConfigError, UsageError, suggest
from common.registry import METHOD_SCHEMAS, METHODS, METHODS_MODALITY


@dataclass(frozen=True, kw_only=True)
class Paper:
    """A paper's declaration, made in ``papers/<name>/__init__.py`` as ``PAPER``.

    ``module_class`` and ``config_class`` are class names in the folder's ``module.py`` and
    ``config.py``. ``ddp_strategy`` is the Lightning strategy for several devices, or None with
    the reason in ``ddp_refusal``. ``baselines`` are methods of the folder's own beside the paper's,
    by name: the module's and the schema's ``file:Class``. The first of ``evaluators`` is what the
    default recipe measures first: messages show it as the example. ``headline_metric`` is what the
    README's table shows of a run that no reported number stands beside; None is its last metric.
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
    baselines: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    headline_metric: str | None = None

    def part(self, name: str) -> Any:
        """Imports ``papers.<paper>.<name>``."""
        return import_module(f"papers.{self.name}.{name}")

    def module(self, baseline: str | None = None) -> Any:
        """Returns the LightningModule class of the paper or of ``baseline`` (imports torch)."""
        if baseline is None:
            return getattr(self.part("module"), self.module_class)
        if baseline in self.baselines:
            return self._attribute(self.baselines[baseline][0])
        return METHODS.get(baseline)

    def config(self, baseline: str | None = None) -> Any:
        """Returns the dataclass that is the schema of ``method:`` (imports no torch).

        Raises:
            ConfigError: If ``baseline`` is neither the paper's nor one of `METHODS`, or is one of
                these for data of another modality.
        """
        if baseline is None:
            return getattr(self.part("config"), self.config_class)
        if baseline in self.baselines:
            return self._attribute(self.baselines[baseline][1])
        shared = METHOD_SCHEMAS.names()
        fitting = shared if self.modality == METHODS_MODALITY else []
        known = [*self.baselines, *fitting]
        if baseline in shared and not fitting:
            own = ", ".join(known) or "none"
            raise ConfigError(
                f"baseline: {baseline} learns from {METHODS_MODALITY}, {self.name} has "
                f"{self.modality}; its own baselines: {own}"
            )
        if baseline not in known:
            raise ConfigError(f"baseline: unknown {baseline!r}{suggest(baseline, known)}")
        return METHOD_SCHEMAS.get(baseline)

    def _attribute(self, target: str) -> Any:
        file, _, name = target.partition(":")
        return getattr(self.part(file), name)


def paper_names() -> list[str]:
    """Returns the names of all papers, sorted; a recipe asks several times."""
    folders = (Path(root) for root in import_module("papers").__path__)
    return sorted(path.parent.name for folder in folders for path in folder.glob("*/__init__.py"))


def get_paper(name: str) -> Paper:
    """Returns the declaration of paper ``name``.

    Raises:
        UsageError: If there is none; the nearest name is offered.
    """
    name = name.lower()
    if name not in paper_names():
        raise UsageError(f"unknown paper {name!r}{suggest(name, paper_names())}")
    return import_module(f"papers.{name}").PAPER
