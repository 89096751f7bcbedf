"""What a modality or a target declares once, and the data sets that all of them have together."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from common.registry import WINGS, Pair, Registry, declarations, wing


@dataclass(frozen=True)
class DataSet:
    """One set: ``module:attribute`` of its reader, and what else is known of it.

    A paper that declares one names files of its own folder.

    Attributes:
        target: What is known of a sample, where a data module of `Target` takes the set; by default
            that of its modality does.
        modality: What a sample is; by default that which declares it, of a paper's the first.
        generated: The project draws or composes its samples: what holds there is no verdict on the
            world.
        may_lack_labels: Its samples may have no label to be measured by.
        verify: ``module:function`` that checks a set which no file of the catalogue describes.
        form: For a user's own data: what they are, in words.
        plan: ``module:function`` that plans a training on such data.
    """

    reader: str
    target: str = ""
    modality: str = ""
    generated: bool = False
    may_lack_labels: bool = False
    verify: str = ""
    form: str = ""
    plan: str = ""


@dataclass(frozen=True)
class Screen:
    """A data set that most papers share, and what their arms are compared by.

    ``by_recipe``: a recipe's arms have one budget, in updates of the encoder, and not in samples.
    """

    data: str
    protocol: str
    metric: str
    by_recipe: bool = False


@dataclass(frozen=True, kw_only=True)
class Wing:
    """What both say of their folder; all but words are ``module:attribute``.

    Attributes:
        title: Its samples, in words.
        module: Its data module, beside which a ``synthetic.py`` stands for stored steps, and the
            schema of ``data:``; None where targets alone take its samples.
        readers: What data modules ask of readers beside the sets, by a name that is theirs alone.
        plots: Makes the plots that all its papers have.
        known: What its data may know of samples, names of `common.evaluation.config.KNOWN`.
    """

    title: str
    module: Pair | None = None
    readers: Mapping[str, str] = field(default_factory=dict)
    plots: str = ""
    known: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Modality(Wing):
    """What a sample is, declared as ``MODALITY`` in the ``__init__.py`` of its folder.

    Attributes:
        sets: By name, which no two sets of any modality share.
        backbones: The encoders that take its samples.
        recognise: Tells from a path whether a user's data are of this modality:
            ``recognise(path, kind)`` returns a `common.own_data.plan.Found`, or None; the kind is
            ``folder``, or the file's ending.
        screens: Where methods are compared.
        hub_task: What the hub calls an encoder's task.
    """

    sets: Mapping[str, DataSet] = field(default_factory=dict)
    backbones: Mapping[str, str] = field(default_factory=dict)
    recognise: str = ""
    screens: tuple[Screen, ...] = ()
    hub_task: str = ""


@dataclass(frozen=True, kw_only=True)
class Target(Wing):
    """What is known of a sample, where that has a data module; declared as ``TARGET``.

    It takes the sets of its ``modalities`` that name it.
    """

    modalities: tuple[str, ...]


class DataSets(Registry):
    """The sets of one data module, those that papers have included; a name leads to its reader."""

    def __init__(self, kind: str) -> None:
        self._module = kind
        super().__init__(f"data set of {wing(kind).title}", self._readers)

    def sets(self) -> Iterator[tuple[str, DataSet]]:
        """Yields each set with its name, those of modalities first."""
        declared = wing(self._module)
        for modality in getattr(declared, "modalities", (self._module,)):
            for name, each in wing(modality).sets.items():
                if (each.target or modality) == self._module:
                    yield name, replace(each, modality=modality)
        for paper in declarations():
            if paper.data_kind == self._module:
                yield from paper.sets()

    def find(self, name: str) -> DataSet | None:
        """Returns the set ``name``, or None."""
        return next((each for known, each in self.sets() if known == name), None)

    def _readers(self) -> Iterator[Mapping[str, str]]:
        return ({name: each.reader} for name, each in self.sets())


def find_set(name: str) -> DataSet | None:
    """Returns the set ``name`` of whichever data module, or None: no two have one of a name."""
    found = (DataSets(kind).find(name) for kind in WINGS)
    return next(filter(None, found), None)
