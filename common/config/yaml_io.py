"""YAML as recipes are written in it: read by PyYAML without running code, written by OmegaConf.

``1e-3`` is a number, which YAML 1.1 takes for a text; a date, ``1:30`` and ``017`` are texts, which
it takes for a day, for 90 and for 15. A key that is given twice in a mapping is an error, and so is
a tag of anything but plain values.

`OmegaConf.load` wraps each value in a node, so that to list all recipes would take twice as long,
and its versions differ in what they read: a recipe's values must not depend on the version.
"""

import re
from pathlib import Path
from typing import Any

import yaml

from common.errors import ConfigError, UsageError

# Ten short lines of aliases can unfold to billions of values.
MAX_NODES = 10_000
TAGS = {f"tag:yaml.org,2002:{name}" for name in "null bool int float str seq map merge".split()}


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """PyYAML's safe loader, by libyaml where that is installed."""


_CLOCK_OR_OCTAL = re.compile(r"[-+]?(0[0-9_]+|[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?)$")
_Loader.yaml_implicit_resolvers = {
    first: [
        ("tag:yaml.org,2002:str", _CLOCK_OR_OCTAL),  # the first form that fits counts
        *((tag, form) for tag, form in resolvers if tag in TAGS),
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?[0-9]+(_[0-9]+)*(\.[0-9_]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def to_yaml(values: Any) -> str:
    """Returns plain ``values`` as YAML, in their order."""
    from omegaconf import OmegaConf  # a tenth of a second, and most commands write no YAML

    return OmegaConf.to_yaml(OmegaConf.create(values))


def read_yaml(path: Path) -> dict[str, Any]:
    """Reads the mapping in a YAML file; an empty file is an empty one.

    Raises:
        ConfigError: If the file is no mapping or no YAML; names the file.
    """
    try:
        content = _parse(path.read_text(encoding="utf-8"))
    except Exception as error:  # for a bad tag the YAML parser raises KeyError, IndexError and more
        raise ConfigError(f"{path}: not readable as YAML: {error}") from None
    if not isinstance(content, dict | None):
        raise ConfigError(f"{path}: must hold a mapping of sections")
    return {str(key): value for key, value in (content or {}).items()}


def parse_overrides(words: list[str]) -> dict[str, Any]:
    """Parses ``key=value`` words; the value is YAML (``1e-3``, ``null``, ``[1, 2]``).

    Raises:
        UsageError: A word is no assignment.
        ConfigError: A value is no YAML.
    """
    parsed: dict[str, Any] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals or not key:
            raise UsageError(f"{word!r} is not key=value (for example optimizer.lr=0.3)")
        try:
            # What begins so is no YAML, but how dates are written: %d/%m/%Y.
            value = text if text.startswith("%") else _parse(text)
        except Exception:
            raise ConfigError(f"command line: {word}: the value is no YAML") from None
        parsed.pop(key.lstrip("-"), None)  # the last word on a key stands last
        parsed[key.lstrip("-")] = value
    return parsed


def _parse(text: str) -> Any:
    loader = _Loader(text)
    node = loader.get_single_node()
    if node is None:
        return None
    _size(node, {})
    return loader.construct_document(node)


def _size(node: yaml.Node, sizes: dict[yaml.Node, float]) -> float:
    """Returns how many values ``node`` unfolds to.

    Raises:
        ValueError: They are too many, or one is not plain, or a key is given twice; says where.
    """
    if node not in sizes:
        sizes[node] = float("inf")  # for as long as it is open: what holds itself has no end
        parts = node.value if isinstance(node, yaml.CollectionNode) else []
        if isinstance(node, yaml.MappingNode):
            keys: dict[Any, yaml.Node] = {}
            for key, _ in parts:
                if isinstance(key, yaml.ScalarNode) and keys.setdefault(key.value, key) is not key:
                    raise ValueError(f"{_line(key)}: key {key.value} is given twice")
            parts = [part for pair in parts for part in pair]
        sizes[node] = 1 + sum(_size(part, sizes) for part in parts)
    if node.tag not in TAGS:
        raise ValueError(f"{_line(node)}: {node.tag} is no tag of a plain value")
    if sizes[node] > MAX_NODES:
        raise ValueError(f"{_line(node)}: this unfolds to more than {MAX_NODES} values")
    return sizes[node]


def _line(node: yaml.Node) -> str:
    return f"line {node.start_mark.line + 1}"
