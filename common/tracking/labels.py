"""What a run is called in W&B: name, group, job type and tags, each a function of the recipe."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from common.config.schema import Recipe

NAME_LENGTH = 128
TAG_LENGTH = 64
WITHHELD = "(withheld)"
_SECRET_NAME = re.compile(
    r"(^|[_.-])(api_?key|access_?key|secret|password|passwd|credentials?|auth|token)s?$", re.I
)


class Labels(NamedTuple):
    """What W&B lists, folds and filters by."""

    name: str
    group: str
    job_type: str
    tags: list[str]


def run_labels(recipe: Recipe, dirty: bool | None = None, scaled: bool | None = None) -> Labels:
    """Returns the labels of a run.

    All seeds of one setting share the group, so that W&B folds them into one line with spread. A
    method may name another, such as that of a whole trial.

    Args:
        recipe: The resolved recipe.
        dirty: The working tree has changes that no commit holds; None where nobody looked.
        scaled: Less was trained than in the paper or the data differ; None if not known.
    """
    kind, _, detail = recipe.arm.partition("/")
    setting = [recipe.paper, recipe.recipe, *([recipe.arm.replace("/", "-")] if detail else [])]
    tags = [recipe.paper, str(recipe.data.name)]
    if scaled is not None:
        tags.append("scaled" if scaled else "full")
    if detail:
        tags.append(f"{kind}:{detail}")
    if dirty:
        tags.append("dirty")
    tags += recipe.tracking.tags
    return Labels(
        name=(recipe.tracking.name or _name(recipe))[:NAME_LENGTH],
        group=getattr(recipe.method, "group", "/".join([*setting, recipe.hash()]))[:NAME_LENGTH],
        job_type=_job_type(recipe, kind),
        tags=[tag[:TAG_LENGTH] for tag in dict.fromkeys(tags)],
    )


def _name(recipe: Recipe) -> str:
    """Returns ``<paper>-<recipe>[-<variant>]-s<seed>`` and what the command line changed."""
    parts = [recipe.paper, recipe.recipe, *([recipe.variant] if recipe.variant else [])]
    parts.append(f"s{recipe.seed}")
    values = recipe.to_dict()
    for key, origin in sorted(recipe.origins.items()):
        section = key.partition(".")[0]
        if origin == "command line" and section in ("data", "method", "optimizer", "trainer"):
            parts.append(key.rpartition(".")[2] + _short(_value(values, key)))
    return "-".join(parts)


def _value(values: dict[str, Any], key: str) -> Any:
    node: Any = values
    for part in key.split("."):
        node = node[part]
    return node


def _short(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return re.sub(r"[^A-Za-z0-9.+]+", "_", text).strip("_")[:24]


def _job_type(recipe: Recipe, kind: str) -> str:
    if kind in ("ablation", "baseline"):
        return kind
    return "pretrain" if recipe.trainer.epochs > 0 else "evaluate"


def without_secrets(config: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """Returns ``config`` with each text withheld that looks like a secret.

    That is a text under a key named like one, and the value of an environment variable named
    like one, wherever it stands.
    """
    secrets = {
        value
        for name, value in environment.items()
        if _SECRET_NAME.search(name) and len(value) >= 8
    }

    def clean(key: str, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {str(name): clean(str(name), item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [clean(key, item) for item in value]
        if isinstance(value, str) and value:
            held_back = _SECRET_NAME.search(key) or any(secret in value for secret in secrets)
            return WITHHELD if held_back else value
        return value

    return {str(key): clean(str(key), value) for key, value in config.items()}
