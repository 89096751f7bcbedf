"""The protocols that a recipe names or sets are among those that its paper declares; no torch."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from common.errors import ConfigError, suggest
from common.evaluation.config import section_name
from common.paper import Paper, get_paper, paper_names
from common.registry import PROTOCOLS


def needs_protocol(paper: Paper) -> str:
    """Returns what to write where no protocol is named."""
    first, names = paper.protocols[0], ", ".join(paper.protocols)
    return f"evaluation.protocols: name at least one of {names} in a list, such as [{first}]"


def check_protocols(recipe: Any, named: dict[str, list[str]]) -> None:
    """Checks names of protocols, by the key or option that gives them.

    Raises:
        ConfigError: If the paper does not declare one of them, or one cannot measure the recipe.
    """
    for key, names in named.items():
        where = f"{recipe.origins[key]}: {key}" if key in recipe.origins else key
        require_declared(recipe.paper, where, names)
        for name in names:
            recipe.evaluation.settings(name).check(recipe)


def require_declared(paper: str, where: str, names: list[str]) -> None:
    """Raises `ConfigError` where one of ``names``, given at ``where``, is not the paper's."""
    known = list(get_paper(paper).protocols)
    for name in names:
        if name not in known:
            hint = suggest(name, known)
            raise ConfigError(f"{where}: {name!r} is no protocol of {paper}{hint}")


def declared(paper: Paper, evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a stored ``evaluation:`` without the sections of protocols that are not the paper's.

    Records and run folders had one for each protocol of any paper, without effect.
    """
    others = dict(_undeclared(paper, evaluation))
    return {key: value for key, value in evaluation.items() if key not in others}


def refuse_undeclared(paper: Paper, layers: list[tuple[str, dict[str, Any]]]) -> None:
    """Raises `ConfigError` where a layer sets a protocol that the paper does not declare."""
    for origin, layer in layers:
        section = layer.get("evaluation")
        keys = [*section] if isinstance(section, dict) else []
        keys += [key.partition(".")[2] for key in layer if key.startswith("evaluation.")]
        for key, name in _undeclared(paper, (str(key).partition(".")[0] for key in keys)):
            known = ", ".join(paper.protocols)
            raise ConfigError(
                f"{origin}: evaluation.{key}: {paper.name} does not declare the protocol {name}; "
                f"it declares {known}"
            )


def _undeclared(paper: Paper, keys: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yields each of ``keys`` that is the section of another paper's protocol, and its name."""
    mine = {section_name(name) for name in paper.protocols}
    for key in keys:
        if key not in mine and key in (sections := _every_section()):
            yield key, sections[key]


@cache
def _every_section() -> dict[str, str]:
    """Returns the protocols that papers share or have of their own, by the key of their section."""
    names = [
        *PROTOCOLS,
        *(own for paper in paper_names() for own in get_paper(paper).own_protocols),
    ]
    return {section_name(name): name for name in names}
