"""The protocols that a recipe asks for are among those that its paper declares; no torch."""

from typing import Any

from common.errors import ConfigError, suggest
from common.paper import Paper, get_paper


def needs_protocol(paper: Paper) -> str:
    """Returns what to write where no protocol is named."""
    first, names = paper.evaluators[0], ", ".join(paper.evaluators)
    return f"evaluation.protocols: name at least one of {names} in a list, such as [{first}]"


def check_protocols(recipe: Any, named: dict[str, list[str]]) -> None:
    """Checks names of protocols, by the key or option that gives them.

    Raises:
        ConfigError: If the paper does not declare one of them, or its backbone does not suit.
    """
    known = list(get_paper(recipe.paper).evaluators)
    for key, names in named.items():
        where = f"{recipe.origins[key]}: {key}" if key in recipe.origins else key
        for name in names:
            if name not in known:
                hint = suggest(name, known)
                raise ConfigError(f"{where}: {name!r} is no protocol of {recipe.paper}{hint}")
    head, backbone = recipe.evaluation.detection.head, getattr(recipe.method, "backbone", "")
    detects = any("detection" in names for names in named.values())
    if detects and head != "map" and not backbone.startswith("resnet"):
        raise ConfigError(
            f"evaluation.detection.head={head} needs the stages of a ResNet, and method.backbone "
            f"is {backbone}; use evaluation.detection.head=map"
        )
