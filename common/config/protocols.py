"""The protocols that a recipe names or sets fit its data; no torch."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from common.config.build import COMMAND_LINE, Layer
from common.errors import ConfigError, suggest
from common.evaluation.config import KNOWN, section_name
from common.paper import Paper, get_paper
from common.registry import PROTOCOLS, declarations, load, wing

# Keys whose lists name protocols.
LISTS = ("protocols", "online")


def needs_protocol(paper: Paper) -> str:
    """Returns what to write where no protocol is named."""
    first, names = paper.protocols[0], ", ".join(paper.protocols)
    return f"evaluation.protocols: name at least one of {names} in a list, such as [{first}]"


def check_protocols(recipe: Any, named: dict[str, list[str]]) -> None:
    """Checks names of protocols, by the key or option that gives them.

    Raises:
        ConfigError: If one of them does not fit the paper's data, or cannot measure the recipe.
    """
    for key, names in named.items():
        where = f"{recipe.origins[key]}: {key}" if key in recipe.origins else key
        require_fitting(recipe.paper, where, names)
        for name in names:
            recipe.evaluation.settings(name).check(recipe)


def require_fitting(paper: str, where: str, names: list[str]) -> None:
    """Raises `ConfigError` where one of ``names``, given at ``where``, does not fit the paper."""
    declared = get_paper(paper)
    for name in names:
        if name not in all_protocols():
            hint = suggest(name, all_protocols())
            raise ConfigError(f"{where}: {name!r} is no protocol{hint}")
        if not fits(declared, name):
            raise ConfigError(
                f"{where}: {name} {_wants(declared, name)}; those that fit {paper}: "
                f"{', '.join(fitting_protocols(declared))}"
            )


def require_measured(keys: Iterable[str], protocols: Sequence[str]) -> None:
    """Refuses settings, as ``knn.k`` or ``evaluation.knn.k``, of a protocol that is not measured.

    Raises:
        ConfigError: With the key, and how to ask for its protocol.
    """
    for key in keys:
        name = _every_section().get(key.removeprefix("evaluation.").partition(".")[0])
        if name is not None and name not in protocols:
            raise ConfigError(
                f"{COMMAND_LINE}: {key}: {name} is not among what is measured, "
                f"{', '.join(protocols)}; ask for it with --protocol {name}"
            )


def fitting_protocols(paper: Paper) -> list[str]:
    """Returns the protocols that fit the paper's data, those that it declares first."""
    return list(
        dict.fromkeys([*paper.protocols, *filter(lambda x: fits(paper, x), all_protocols())])
    )


def fits(paper: Paper, name: str) -> bool:
    """Tells whether protocol ``name`` is the paper's, or measures what may be known of its data."""
    if name in paper.protocols:
        return True
    # A data module of its own gives inputs that no other paper's protocol takes.
    kind = paper.name if paper.own_module else paper.data_kind
    known = () if paper.own_module else wing(paper.data_kind).known
    return bool(load(paper.protocol(name)[1]).can_measure(kind, known))


def _wants(paper: Paper, name: str) -> str:
    """Returns what protocol ``name``, which does not fit the paper, is for."""
    settings, title = load(paper.protocol(name)[1]), wing(paper.data_kind).title
    if settings.on_vectors:
        needs = " and ".join(KNOWN[need] for need in settings.needs)
        return f"needs {needs}, which {title} do not have"
    if not settings.takes:
        own = ", ".join(one.name for one in declarations() if name in one.protocols)
        return f"measures what only {own} has"
    titles = (wing(kind).title for kind in settings.takes if kind != "vectors")
    return f"measures {', '.join(titles)}, and {paper.name} takes {title}"


def asked_protocols(paper: Paper, layers: list[Layer]) -> list[str]:
    """Returns those that a recipe's ``layers`` name or set and the paper does not declare.

    What does not exist is left to `check_protocols`, and to whatever reads the value.

    Raises:
        ConfigError: A layer sets a protocol that does not fit; the file and the key are named.
    """
    found: list[str] = []
    for origin, layer in layers:
        flat = _flat(layer)
        for key in LISTS:
            names = flat.get(key)
            found += [str(name) for name in names] if isinstance(names, list) else []
        for key, name in _undeclared(paper, (key.partition(".")[0] for key in flat)):
            require_fitting(paper.name, f"{origin}: evaluation.{key}", [name])
            found.append(name)
    return [name for name in dict.fromkeys(found) if name in all_protocols() and fits(paper, name)]


def without_unasked(paper: Paper, evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a stored ``evaluation:`` without the sections of protocols that it does not use.

    Records and run folders had one for each protocol of any paper, without effect.
    """
    named = {name for key in LISTS for name in evaluation.get(key) or ()}
    others = {key for key, name in _undeclared(paper, evaluation) if name not in named}
    return {key: value for key, value in evaluation.items() if key not in others}


def _flat(layer: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the keys of a layer below ``evaluation``, nested and dotted ones."""
    section = layer.get("evaluation")
    found = {str(key): value for key, value in section.items()} if isinstance(section, dict) else {}
    dotted = {key: value for key, value in layer.items() if key.startswith("evaluation.")}
    return found | {key.partition(".")[2]: value for key, value in dotted.items()}


def _undeclared(paper: Paper, keys: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yields each of ``keys`` that is the section of another paper's protocol, and its name."""
    mine = {section_name(name) for name in paper.protocols}
    for key in keys:
        if key not in mine and key in (sections := _every_section()):
            yield key, sections[key]


def all_protocols() -> list[str]:
    """Returns the protocols that papers share or have of their own, sorted."""
    return sorted(_every_section().values())


@cache
def _every_section() -> dict[str, str]:
    """Returns them by the key of their section."""
    names = [*PROTOCOLS, *(own for paper in declarations() for own in paper.own_protocols)]
    return {section_name(name): name for name in names}
