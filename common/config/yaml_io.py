"""YAML as recipes are written in it: read without running code, and written.

``1e-3`` is a number, which YAML 1.1 takes for a text, and a date is a text. A key that is given
twice in a mapping is an error.
"""

import re
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

import yaml

from common.errors import ConfigError, UsageError

try:
    from yaml import CSafeDumper as SafeDumper
    from yaml import CSafeLoader as SafeLoader
except ImportError:  # PyYAML was built without libyaml
    from yaml import SafeDumper, SafeLoader

TEXT = "tag:yaml.org,2002:str"
MAX_NODES = 100_000  # ten times of what our longest file has


class _Loader(SafeLoader):
    """Makes plain values alone; refuses what was given twice or unfolds without end."""

    def construct_document(self, node: Any) -> Any:
        """Counts the nodes as often as aliases repeat them: few lines can stand for billions."""
        rest, count = [node], 0
        while rest:
            one, count = rest.pop(), count + 1
            if count > MAX_NODES:
                raise yaml.YAMLError(f"more than {MAX_NODES} values with what aliases repeat")
            if isinstance(one, yaml.SequenceNode):
                rest += one.value
            elif isinstance(one, yaml.MappingNode):
                rest += chain.from_iterable(one.value)
        return super().construct_document(node)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        """Refuses a key that is given twice, of which YAML would take the last."""
        names = [key.value for key, _ in node.value if key.tag == TEXT]
        for index, name in enumerate(names):
            if name in names[:index]:
                raise yaml.YAMLError(f"duplicate key {name}\n{node.start_mark}")
        return super().construct_mapping(node, deep=deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in forms if not tag.endswith(":timestamp")]
    for first, forms in SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?[0-9]+(?:_[0-9]+)*(?:\.[0-9_]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


class _Dumper(SafeDumper):
    """Writes plain values."""


def _represent(dumper: Any, text: str) -> Any:
    """Puts a text in quotes that any reader of YAML may take for a number or a truth value."""
    quoted = text in ("y", "Y", "n", "N")
    with suppress(ValueError):
        float(text)
        quoted = True
    return dumper.represent_scalar(TEXT, text, style="'" if quoted else None)


_Dumper.add_representer(str, _represent)


def to_yaml(values: Any) -> str:
    """Returns plain ``values`` as YAML, in their order."""
    return yaml.dump(
        values, Dumper=_Dumper, default_flow_style=False, allow_unicode=True, sort_keys=False
    )


def read_yaml(path: Path) -> dict[str, Any]:
    """Reads the mapping in a YAML file; an empty file is an empty one.

    Raises:
        ConfigError: If the file is no mapping or no YAML; names the file.
    """
    try:
        content = _value_of(path.read_text(encoding="utf-8"))
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
            value = _value_of(text)
        except Exception:
            raise ConfigError(
                f"command line: {word}: the value is no YAML; close its brackets and quotes, or "
                f"write it as a text: \"{key}='...'\""
            ) from None
        parsed.pop(key.lstrip("-"), None)  # the last word on a key stands last
        parsed[key.lstrip("-")] = value
    return parsed


def _value_of(text: str) -> Any:
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()
