"""YAML as recipes are written in it, by OmegaConf: read without running code, and written.

OmegaConf reads with libyaml where PyYAML has it. ``1e-3`` is a number, which YAML 1.1 takes for a
text, and a date is a text. A key that is given twice in a mapping is an error.

Files are read by OmegaConf's loader alone. `OmegaConf.load` wraps each value in a node, which takes
ten times as long and which nothing here uses. The loader is private, so that the project names the
version of OmegaConf that has it.
"""

from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf._yaml import get_yaml_loader

from common.errors import ConfigError, UsageError

LOADER = get_yaml_loader()


def to_yaml(values: Any) -> str:
    """Returns plain ``values`` as YAML, in their order."""
    return OmegaConf.to_yaml(OmegaConf.create(values))


def read_yaml(path: Path) -> dict[str, Any]:
    """Reads the mapping in a YAML file; an empty file is an empty one.

    Raises:
        ConfigError: If the file is no mapping or no YAML; names the file.
    """
    try:
        content = LOADER(path.read_text(encoding="utf-8")).get_single_data()
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
            value: Any = OmegaConf.to_container(OmegaConf.from_dotlist([f"value={text}"]))
        except Exception:
            raise ConfigError(f"command line: {word}: the value is no YAML") from None
        parsed.pop(key.lstrip("-"), None)  # the last word on a key stands last
        parsed[key.lstrip("-")] = value["value"]
    return parsed
