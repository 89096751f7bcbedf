"""What a paper declares about itself, and how the declarations are found."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any, Literal

from common.data.modality import DataSet, DataSets
from common.errors import ConfigError, UsageError, suggest
from common.registry import (
    GROUP,
    METHODS,
    PROTOCOLS,
    WINGS,
    Pair,
    declarations,
    load,
    outside_folder,
    packages,
    wing,
)

Target = Literal["none", "class", "number", "known-and-novel classes", "next item"]


@dataclass(frozen=True, kw_only=True)
class Paper:
    """A paper's declaration, made in the ``__init__.py`` of its package as ``PAPER``.

    ``summary`` says in one paragraph what the method does, for who has not read the paper.
    ``target`` is what its method is trained to tell of a sample: ``none`` (it learns without
    labels), ``class``, ``number``, ``known-and-novel classes`` (labels of the known ones only) or
    ``next item`` (of a user's sequence). ``modalities`` are what its samples may be; see
    `common.registry.WINGS`.
    ``module_class`` and ``config_class`` are class names in the folder's ``module.py`` and
    ``config.py``. ``ddp_strategy`` is the Lightning strategy for several devices, or None with
    the reason in ``ddp_refusal``; ``microbatch_refusal`` says why no encoder of it takes a batch in
    parts, if none does. ``baselines`` are methods of the folder's own beside the paper's,
    by name: the module's and the schema's ``file:Class``. ``protocols`` are what it
    measures by default, the first what the default recipe measures first: messages show it as the
    example. Any other that fits its data may be asked for.
    ``own_data`` are its recipes for data of the user's own, by the data set that reads them; where
    none is named it is the default recipe.
    What no other paper has is declared here, by name, as ``file:attribute`` of the folder:
    ``own_protocols``, a function and its settings; ``own_sets``; ``own_readers`` of what its data
    ask beside the sets; ``own_backbones``, by the modality whose samples they take; and
    ``own_module``, a data module with its schema.
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
    modalities: tuple[str, ...]
    module_class: str
    config_class: str
    protocols: tuple[str, ...]
    default_recipe: str = "quick"
    ddp_strategy: str | None = "ddp"
    ddp_refusal: str = ""
    microbatch_refusal: str = ""
    manual_optimization: bool = False
    baselines: Mapping[str, Pair] = field(default_factory=dict)
    own_protocols: Mapping[str, Pair] = field(default_factory=dict)
    own_sets: Mapping[str, DataSet] = field(default_factory=dict)
    own_readers: Mapping[str, str] = field(default_factory=dict)
    own_backbones: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    own_module: Pair | None = None
    own_data: Mapping[str, str] = field(default_factory=dict)

    @property
    def package(self) -> str:
        """The package that declares it."""
        return packages()[self.name]

    @property
    def data_kind(self) -> str:
        """The name of its data module: the target where that has one, else the modality."""
        return self.target if self.target in WINGS else self.modalities[0]

    @property
    def data_sets(self) -> DataSets:
        """The sets that its data module reads, those of modalities it does not take included."""
        return DataSets(self.data_kind)

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
        return load(self._data()[0])

    def data_config(self) -> Any:
        """Returns the dataclass that is the schema of ``data:`` (imports no torch)."""
        return load(self._data()[1])

    def _data(self) -> Pair:
        pair: Pair = wing(self.data_kind).module
        return pair if self.own_module is None else self._own(self.own_module)

    def protocol(self, name: str) -> Pair:
        """Returns where the function and the settings of protocol ``name`` are.

        It is one of `PROTOCOLS`, its own, or that of another paper.
        """
        if name in self.own_protocols or name not in PROTOCOLS:
            paper = next(one for one in (self, *declarations()) if name in one.own_protocols)
            return paper._own(paper.own_protocols[name])
        return PROTOCOLS[name]

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
        return self._target(pair[0]), self._target(pair[1])

    def _target(self, own: str) -> str:
        return f"{self.package}.{own}" if own else ""

    def readers(self) -> dict[str, str]:
        """Returns `own_readers` as all readers are registered."""
        return {name: self._target(own) for name, own in self.own_readers.items()}

    def backbones(self, modality: str) -> dict[str, str]:
        """Returns those of `own_backbones` that take samples of ``modality``."""
        own = self.own_backbones.get(modality, {})
        return {name: self._target(target) for name, target in own.items()}

    def sets(self) -> Iterator[tuple[str, DataSet]]:
        """Yields the names of `own_sets` and the sets as all are registered."""
        for name, one in self.own_sets.items():
            yield (
                name,
                replace(
                    one,
                    reader=self._target(one.reader),
                    modality=one.modality or self.modalities[0],
                    verify=self._target(one.verify),
                    plan=self._target(one.plan),
                ),
            )


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
    outside_folder(name)  # an entry that leads nowhere is told as such
    paper: Paper = import_module(known[name]).PAPER
    if paper.name != name:
        raise UsageError(f"{GROUP}: {name} leads to a paper called {paper.name!r}; rename one")
    return paper
