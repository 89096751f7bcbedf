"""What a paper declares about itself, and how the declarations are found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from common.data.data_sets import DATASETS, DataSets, Modality
from common.errors import ConfigError, UsageError, suggest
from common.registry import DATA_MODULES, METHODS, PROTOCOLS, Pair, load

# The group of entry points by which other projects name their papers' packages.
GROUP = "likewise.papers"
Target = Literal["none", "class", "number", "known-and-novel classes", "next item"]


@dataclass(frozen=True, kw_only=True)
class Paper:
    """A paper's declaration, made in the ``__init__.py`` of its package as ``PAPER``.

    ``summary`` says in one paragraph what the method does, for who has not read the paper.
    ``target`` is what its method is trained to tell of a sample: ``none`` (it learns without
    labels), ``class``, ``number``, ``known-and-novel classes`` (labels of the known ones only) or
    ``next item`` (of a user's sequence). ``modalities`` are what its samples may be; see
    `common.data.data_sets`.
    ``module_class`` and ``config_class`` are class names in the folder's ``module.py`` and
    ``config.py``. ``ddp_strategy`` is the Lightning strategy for several devices, or None with
    the reason in ``ddp_refusal``. ``baselines`` are methods of the folder's own beside the paper's,
    by name: the module's and the schema's ``file:Class``. ``protocols`` are what its recipes may
    measure by, the first what the default recipe measures first: messages show it as the example.
    ``own_data`` are its recipes for data of the user's own, by the data set that reads them; where
    none is named it is the default recipe.
    ``own_protocols`` are those of them that no other paper has, by name: ``file:function`` and the
    settings' ``file:Class``.
    """

    name: str
    title: str
    authors: str
    summary: str
    venue: str
    year: int
    arxiv: str
    bibtex: str
    target: Target
    modalities: tuple[Modality, ...]
    module_class: str
    config_class: str
    protocols: tuple[str, ...]
    default_recipe: str = "quick"
    ddp_strategy: str | None = "ddp"
    ddp_refusal: str = ""
    manual_optimization: bool = False
    baselines: Mapping[str, Pair] = field(default_factory=dict)
    own_protocols: Mapping[str, Pair] = field(default_factory=dict)
    own_data: Mapping[str, str] = field(default_factory=dict)

    @property
    def package(self) -> str:
        """The package that declares it."""
        return packages()[self.name]

    @property
    def data_kind(self) -> str:
        """The name of its data module: the target where that has one, else the modality."""
        return self.target if self.target in DATA_MODULES else self.modalities[0]

    @property
    def data_sets(self) -> DataSets:
        """The sets that its data module reads, those of modalities it does not take included."""
        return DATASETS[self.data_kind]

    def part(self, name: str) -> Any:
        """Imports the module ``name`` of its package, such as ``papers.<paper>.<name>``."""
        return import_module(f"{self.package}.{name}")

    def exports(self) -> list[str]:
        """Returns the names of its classes: modules and schemas, those of its baselines too."""
        return sorted(self._exported())

    def export(self, name: str) -> Any:
        """Imports and returns the class ``name``, as ``__getattr__`` of the paper's package.

        Raises:
            AttributeError: If it has no such class.
        """
        if name not in self._exported():
            raise AttributeError(f"{self.package}: no {name}{suggest(name, self.exports())}")
        return load(self._exported()[name])

    def _exported(self) -> dict[str, str]:
        pairs = [self._method(baseline) for baseline in (None, *self.baselines)]
        return {target.partition(":")[2]: target for pair in pairs for target in pair}

    def module(self, baseline: str | None = None) -> Any:
        """Returns the LightningModule class of the paper or of ``baseline`` (imports torch)."""
        return load(self._method(baseline)[0])

    def config(self, baseline: str | None = None) -> Any:
        """Returns the dataclass that is the schema of ``method:`` (imports no torch).

        Raises:
            ConfigError: If ``baseline`` is neither the paper's nor one of `METHODS`.
        """
        return load(self._method(baseline)[1])

    def data_module(self) -> Any:
        """Returns the class of the data module (imports torch)."""
        return load(DATA_MODULES[self.data_kind][0])

    def data_config(self) -> Any:
        """Returns the dataclass that is the schema of ``data:`` (imports no torch)."""
        return load(DATA_MODULES[self.data_kind][1])

    def protocol(self, name: str) -> Pair:
        """Returns where the function and the settings of protocol ``name`` are."""
        own = self.own_protocols.get(name)
        return PROTOCOLS[name] if own is None else self._own(own)

    def _method(self, baseline: str | None) -> Pair:
        if baseline is None:
            return self._own((f"module:{self.module_class}", f"config:{self.config_class}"))
        if baseline in self.baselines:
            return self._own(self.baselines[baseline])
        shared = METHODS.get(self.data_kind, {})
        if baseline not in shared:
            known = suggest(baseline, [*self.baselines, *shared])
            raise ConfigError(f"baseline: {baseline!r} is no baseline of {self.name}{known}")
        return shared[baseline]

    def _own(self, pair: Pair) -> Pair:
        return f"{self.package}.{pair[0]}", f"{self.package}.{pair[1]}"


@cache
def _installed() -> dict[str, str]:
    return {entry.name: entry.value for entry in entry_points(group=GROUP)}


def packages() -> dict[str, str]:
    """Returns the package of each paper: those of this project, and those that others install.

    Another project cannot take the name of a paper of this one.
    """
    roots = import_module("papers").__path__
    own = chain.from_iterable(_folders(root, Path(root).stat().st_mtime_ns) for root in roots)
    return _installed() | {name: f"papers.{name}" for name in own}


@cache
def _folders(root: str, changed: int) -> list[str]:
    """Returns the packages in ``root``, which are looked for anew when it has ``changed``."""
    return [path.parent.name for path in Path(root).glob("*/__init__.py")]


def outside_folder(name: str) -> Path | None:
    """Returns the folder of a paper that another project installs; None for one of this project.

    Raises:
        UsageError: If its package is not found.
    """
    return _outside_folder(name, packages()[name])


def _outside_folder(name: str, package: str) -> Path | None:
    if package == f"papers.{name}":
        return None
    found = find_spec(package)
    if found is None or found.origin is None:
        raise UsageError(f"{GROUP}: {name} = {package}: there is no such package")
    return Path(found.origin).parent


def paper_names() -> list[str]:
    """Returns the names of all papers, sorted."""
    return sorted(packages())


def get_paper(name: str) -> Paper:
    """Returns the declaration of paper ``name``.

    Raises:
        UsageError: If there is none; the nearest name is offered.
    """
    name, known = name.lower(), packages()  # once: a leaderboard asks for thousands of papers
    if name not in known:
        raise UsageError(f"unknown paper {name!r}{suggest(name, sorted(known))}")
    _outside_folder(name, known[name])  # an entry that leads nowhere is told as such
    paper: Paper = import_module(known[name]).PAPER
    if paper.name != name:
        raise UsageError(f"{GROUP}: {name} leads to a paper called {paper.name!r}; rename one")
    return paper
