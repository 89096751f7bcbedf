"""What a paper says helps: ``papers/<paper>/claims.yaml`` (docs/claims.md)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from common.config.checkout import SOURCE_ROOT
from common.config.recipe import take_variants
from common.config.references import read_recipe, recipe_path, split_reference
from common.config.yaml_io import read_yaml
from common.errors import ConfigError, UsageError, suggest
from common.results.record import ARM_PATTERN
from common.results.strict_dataclasses import build_checked

ID_PATTERN = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
REFERENCE = "reference/"

Read = Callable[[Path], dict[str, Any]]
# Variants that are the same setting; None is the recipe itself.
Variants = tuple[str | None, ...]
# The settings of each arm of a recipe, in the file's order.
Arms = Mapping[str, list[Variants]]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two arms of a recipe and the metric by which one should be ahead of the other."""

    setting: str
    metric: str
    better: str
    ahead: str
    behind: str
    matters: float
    why: str


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One claim in our words; without a comparison ``not_tested`` says why.

    ``variants``: as what the arms of the comparison were trained, by their words; a learning-free
    reference has none. Neither this nor ``comparison`` is a key of the file. ``known_from`` is what
    its author had seen of the outcome when it was written, such as a prototype or pilots.
    """

    id: str
    says: str
    source: str
    committed: str
    known_from: str | None = None
    not_tested: str | None = None
    comparison: Comparison | None = None
    variants: Mapping[str, Variants] | None = None

    @property
    def short(self) -> str:
        """The claim in a few words."""
        return self.id.replace("-", " ")


@dataclass(frozen=True, kw_only=True)
class PaperClaims:
    """The claims of a paper, the main one first, and what else its numbers need to be read.

    ``more_labels``: arms that are trained with labels which the method does not see, so that they
    are no rivals of it. ``rivals``: arms that the recipe calls ablations, though a user could take
    each in place of the method. ``known_from``: what the authors of these files had seen of the
    outcomes when they wrote the claims that do not say it themselves. ``caveats``: sentences, such
    as one on how the settings were chosen. ``needs``: the real data that a headline tried on
    generated data alone would need.
    """

    claims: list[Claim]
    more_labels: list[str] | None = None
    rivals: list[str] | None = None
    known_from: str | None = None
    caveats: list[str] | None = None
    needs: str | None = None


def load_claims(path: Path, arms: Callable[[str], Arms]) -> PaperClaims:
    """Reads one paper's file; the paper is the folder's name.

    Args:
        path: The file.
        arms: Gives the arms of the recipe ``paper/recipe``.

    Raises:
        ConfigError: Names the file, the claim and the key that is unknown, missing or wrong.
    """
    content = read_yaml(path)
    values = content.get("claims")
    if not isinstance(values, list):
        raise ConfigError(f"{path}: claims: must be a list of claims")
    known_from = content.get("known_from")
    claims = [_claim(item, path, number, arms) for number, item in enumerate(values, 1)]
    claims = [replace(one, known_from=one.known_from or known_from) for one in claims]
    names = [claim.id for claim in claims]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{path}: {name}: id: stands here twice")
    found = build_checked(PaperClaims, {**content, "claims": claims}, str(path), ConfigError)
    for key in ("more_labels", "rivals"):
        for arm in getattr(found, key) or []:
            if not ARM_PATTERN.fullmatch(arm.partition(":")[0]):
                raise ConfigError(f"{path}: {key}: must be arms, got {arm!r}")
    return found


def load_all_claims(
    arms: Callable[[str], Arms], root: Path = SOURCE_ROOT, paper: str = "*"
) -> dict[str, PaperClaims]:
    """Reads the file of one paper, or of all in alphabetical order, where there is one."""
    paths = sorted((root / "papers").glob(f"{paper}/claims.yaml"))
    return {path.parent.name: load_claims(path, arms) for path in paths}


def arms_of(setting: str, read: Read = read_recipe) -> Arms:
    """Returns the arms of the recipe ``paper/recipe``, without building one.

    Raises:
        UsageError: If there is no such recipe, or its file is broken.
    """
    paper, recipe, _ = split_reference(setting)
    path = recipe_path(paper, recipe)
    content = dict(read(path))
    variants = take_variants(content, path)
    own = content.get("arm", "method")
    equal = (None, *(name for name, layer in variants.items() if not layer))
    arms: dict[str, list[Variants]] = {own: [equal]}
    for name, layer in variants.items():
        if layer:
            arms.setdefault(layer.get("arm", own), []).append((name,))
    return arms


def _claim(values: Any, path: Path, number: int, arms: Callable[[str], Arms]) -> Claim:
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: claim {number}: must be a mapping, got {values!r}")
    where = f"{path}: {values.get('id', f'claim {number}')}"
    values = {key: " ".join(v.split()) if isinstance(v, str) else v for key, v in values.items()}
    names = [entry.name for entry in fields(Comparison)]
    given = {key: values.pop(key) for key in names if key in values}
    for key in ("comparison", "variants"):
        if key in values:
            raise ConfigError(f"{where}: unknown key {key!r}")
    if given and "not_tested" in values:
        raise ConfigError(f"{where}: not_tested: stands in place of {', '.join(given)}")
    claim = build_checked(Claim, values, where, ConfigError)
    _check_claim(claim, where)
    if claim.not_tested is not None:
        return claim
    comparison = build_checked(Comparison, given, where, ConfigError)
    _check_comparison(comparison, path.parent.name, where)
    return replace(claim, comparison=comparison, variants=_variants(comparison, where, arms))


def _check_claim(claim: Claim, where: str) -> None:
    if not ID_PATTERN.fullmatch(claim.id):
        raise ConfigError(f"{where}: id: must be lower case with hyphens")
    if not _is_minute(claim.committed):
        wanted = "must be a time in UTC such as 2026-01-31T23:59"
        raise ConfigError(f"{where}: committed: {wanted}, got {claim.committed!r}")


def _is_minute(text: str) -> bool:
    """Tells whether ``text`` is written as a record's time begins, with which it is compared."""
    try:
        return datetime.fromisoformat(text).isoformat(timespec="minutes") == text
    except ValueError:
        return False


def _check_comparison(comparison: Comparison, paper: str, where: str) -> None:
    problems = {
        "better": comparison.better not in ("higher", "lower") and "must be higher or lower",
        "matters": comparison.matters <= 0 and "must be above 0",
        "metric": not re.fullmatch(r"(test|val)/\S+", comparison.metric)
        and "must start with test/ or val/, as in result.json",
        "setting": not comparison.setting.startswith(f"{paper}/")
        and f"must be a recipe of {paper}",
        "ahead": comparison.ahead.startswith(REFERENCE)
        and comparison.behind.startswith(REFERENCE)
        and "one of the two arms must be trained",
    }
    for key, problem in problems.items():
        if problem:
            raise ConfigError(f"{where}: {key}: {problem}, got {getattr(comparison, key)!r}")


def _variants(
    comparison: Comparison, where: str, arms: Callable[[str], Arms]
) -> dict[str, Variants]:
    try:
        known = arms(comparison.setting)
    except UsageError as error:
        raise ConfigError(f"{where}: setting: {error}") from None
    found = {}
    for key in ("ahead", "behind"):
        name: str = getattr(comparison, key)
        if name.startswith(REFERENCE):
            continue
        arm, _, variant = name.partition(":")
        fitting = [one for one in known.get(arm, []) if not variant or variant in one]
        if not fitting:
            names = [*known, *(f"{a}:{v[-1]}" for a, each in known.items() for v in each if v[-1])]
            wrong = f"{comparison.setting} has no {name!r}"
            raise ConfigError(f"{where}: {key}: {wrong}{suggest(name, names)}")
        found[name] = fitting[0]
    return found
