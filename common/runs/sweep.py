"""A search over settings: what is tried, by whom the trials are drawn, and a sweep of W&B."""

import itertools
import math
import os
import random
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.config.overrides import as_word
from common.config.recipe import LAST_SEED, as_seed
from common.config.references import FILE_PATTERN
from common.config.schema import Recipe
from common.config.yaml_io import parse_overrides, to_yaml
from common.errors import MissingLibrary, UsageError
from common.results.configuration import load_recipe_or_record
from common.results.metrics import BESIDE, ERROR
from common.runs.campaign_file import Campaign

# No row of the leaderboard has it, so that nothing is chosen on a seed that counts.
SEED = 100
# Settings of each trial, unless a word says otherwise. `NOT_KEPT` are not part of what was chosen.
TRIAL = {
    "evaluation.split": "val",
    "evaluation.references": [],
    "tracking.plots": False,
}
NOT_KEPT = ("seed", "data.holdout", *TRIAL)
HOLDOUT = 0.1  # where the recipe keeps nothing back
RANGE = re.compile(r"(log:)?([^\s,./][^\s,/]*?)\.\.([^\s,/]+)")
DIGITS = 3  # of a drawn number: more would only be longer to type
MOST_DRAWS = 100  # for each trial, where most draws were drawn before
USE = """\
# Commands: wandb sweep FILE.yaml
#           wandb agent ENTITY/PROJECT/SWEEP_ID --count 20
"""
WHOLE_VALUES = 9  # of a range of whole numbers


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, whole ones where both are written as such."""

    low: float
    high: float
    log: bool

    @property
    def whole(self) -> bool:
        """Whether it holds whole numbers only."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def at(self, share: float) -> float:
        """Returns the number at ``share``, from 0 to 1, of the range or of its logarithm."""
        # Of whole numbers each, the ends too, gets its share of one that is half a unit longer.
        beyond = 0.5 if self.whole else 0.0
        low, high = self.low - beyond, self.high + beyond
        value = low * (high / low) ** share if self.log else low + (high - low) * share
        if self.whole:
            return min(max(round(value), self.low), self.high)
        return min(max(float(f"{value:.{DIGITS}g}"), self.low), self.high)


@dataclass(frozen=True)
class Space:
    """What is searched, by key: values or a range; ``fixed`` are the words of every trial."""

    searched: Mapping[str, Sequence[Any] | Range]
    fixed: Mapping[str, Any]
    seeds: Sequence[int]

    @property
    def size(self) -> float:
        """The number of different trials, infinite with a range."""
        sizes = (math.inf if isinstance(one, Range) else len(one) for one in self.searched.values())
        return math.prod(sizes)

    def grid(self) -> Iterator[dict[str, Any]]:
        """Yields every combination of the values, those of the last key first."""
        values = (one for one in self.searched.values() if not isinstance(one, Range))
        for chosen in itertools.product(*values):
            yield dict(zip(self.searched, chosen, strict=True))

    def draw(self, seed: int, number: int) -> dict[str, Any]:
        """Returns draw ``number``: a function of the seed, the number and each key."""

        def share(key: str) -> float:
            return random.Random(f"{seed}/{number}/{key}").random()

        return self.choose(share, lambda key, count: int(share(key) * count))

    def choose(
        self, share: Callable[[str], float], place: Callable[[str, int], int]
    ) -> dict[str, Any]:
        """Returns a trial.

        Args:
            share: Gives a key's place in its range, from 0 to 1.
            place: Gives which of a key's so many values it is.
        """
        return {
            key: one.at(share(key)) if isinstance(one, Range) else one[place(key, len(one))]
            for key, one in self.searched.items()
        }


@dataclass(frozen=True)
class Sweep:
    """The trials of each recipe: ``chosen`` holds what was drawn for a recipe's name and hash."""

    campaign: Campaign
    space: Space
    references: Sequence[str]
    trials: Sequence[dict[str, Any]]
    chosen: Mapping[tuple[str, str], dict[str, Any]]


def read_space(words: Sequence[str]) -> Space:
    """Reads ``key=1,2,3``, ``key=0.1..0.9``, ``key=log:1e-4..1e-1`` and plain ``key=value``.

    ``seed`` with several values trains each trial with each of them.

    Raises:
        UsageError: A range without order, nothing to search, or another split than the hold-out.
        ConfigError: A value that is no YAML.
    """
    searched: dict[str, Sequence[Any] | Range] = {}
    fixed: dict[str, Any] = {}
    for word in words:
        key, _, text = word.partition("=")
        match = RANGE.fullmatch(text)
        values = _range(word, key, match) if match else parse_overrides([f"{key}=[{text}]"])[key]
        if key in searched or key in fixed:
            raise UsageError(f"{key}: is given twice; write its values in one word")
        if not isinstance(values, Range) and len({repr(one) for one in values}) < len(values):
            raise UsageError(f"{word}: has a value twice; leave one out")
        if isinstance(values, Range) or len(values) > 1:
            searched[key] = values
        else:
            fixed |= parse_overrides([word])
    given = searched.pop("seed", [fixed.pop("seed", SEED)])
    seeds = [] if isinstance(given, Range) else [s for s in map(as_seed, given) if s is not None]
    if isinstance(given, Range) or len(seeds) < len(given):
        raise UsageError(f"seed: must be whole numbers from 0 to {LAST_SEED}, such as seed=10,11")
    if not searched:
        raise UsageError(
            "papers sweep: nothing to search; write for example optimizer.lr=1e-3,1e-2"
        )
    if fixed.get("evaluation.split", "val") != "val" or "evaluation.split" in searched:
        raise UsageError("evaluation.split: a sweep chooses on the hold-out, val; leave it out")
    return Space(searched, fixed, seeds)


def _range(word: str, key: str, match: re.Match[str]) -> Range:
    low, high = (parse_overrides([f"{key}={match[side]}"])[key] for side in (2, 3))
    if not all(type(bound) in (int, float) for bound in (low, high)):
        raise UsageError(f"{word}: a range has two numbers, such as log:1e-4..1e-1")
    if not low < high or (match[1] and low <= 0):
        raise UsageError(f"{word}: a range goes up, and from above 0 with log:")
    return Range(low, high, bool(match[1]))


def draw_trials(space: Space, count: int | None, seed: int) -> list[dict[str, Any]]:
    """Returns the whole grid, or ``count`` different draws; more of them begin with the same ones.

    Raises:
        UsageError: No ``count`` for a range.
    """
    if count is None and space.size == math.inf:
        raise UsageError("--trials: a range has no end; say how many to draw, such as --trials 20")
    if count is None or count >= space.size:
        return list(space.grid())
    found: dict[str, dict[str, Any]] = {}
    for number in range(MOST_DRAWS * count):
        if len(found) == count:
            break
        drawn = space.draw(seed, number)
        found.setdefault(repr(drawn), drawn)
    return [*found.values()]


def make_sweep(references: Sequence[str], space: Space, trials: Sequence[dict[str, Any]]) -> Sweep:
    """Builds the recipes of all trials, trial by trial, so that each recipe gets as many.

    Raises:
        UsageError: A recipe that is unknown or measures nothing, or a value that it refuses.
    """
    for reference in references:
        if FILE_PATTERN.fullmatch(reference) is None and os.path.exists(reference):
            keep = f"papers train PAPER {reference} --save FILE.yaml --print-config"
            raise UsageError(f"{reference}: is data; keep their plan and sweep it: {keep}")
    recipes, chosen = [], {}
    for trial in trials:
        for seed in space.seeds:
            for reference in references:
                recipe, _ = trial_recipe(reference, space.fixed, trial, seed)
                recipes.append(recipe)
                chosen[recipe.name, recipe.hash()] = trial
    return Sweep(Campaign("sweep", recipes), space, references, trials, chosen)


def trial_recipe(
    reference: str, fixed: Mapping[str, Any], trial: Mapping[str, Any], seed: int
) -> tuple[Recipe, dict[str, Any]]:
    """Returns the recipe of a trial and the values, by key, that make it of ``reference``."""
    values = {**TRIAL, **fixed, **trial, "seed": seed}
    recipe = _load(reference, values)
    if not recipe.evaluation.protocols:
        raise UsageError(f"{reference}: evaluation.protocols: is empty; trials are chosen by one")
    if getattr(recipe.data, "holdout", None) == 0 and "data.holdout" not in values:
        values["data.holdout"] = HOLDOUT
        recipe = _load(reference, values)
    return recipe, values


def _load(reference: str, values: Mapping[str, Any]) -> Recipe:
    return load_recipe_or_record(reference, [as_word(key, value) for key, value in values.items()])


def kept_words(space: Space, trial: Mapping[str, Any]) -> list[str]:
    """Returns the words of a trial for a training that counts: on all data, seed and split free."""
    kept = {**space.fixed, **trial}
    return [as_word(key, value) for key, value in kept.items() if key not in NOT_KEPT]


class Guide:
    """Asks for trials and is told their scores, one after the other.

    The seed and the scores decide each trial, so that a sweep that is run again asks for the same.
    """

    def __init__(self, space: Space, seed: int) -> None:
        """Starts a study; raises `MissingLibrary` without Optuna."""
        try:
            import optuna
        except ImportError:
            raise MissingLibrary("--sampler tpe", "sweep", "optuna") from None
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler = optuna.samplers.TPESampler(seed=seed)
        self._failed = optuna.trial.TrialState.FAIL
        self._study = optuna.create_study(sampler=sampler, direction="maximize")
        self._space = space
        self._trial: Any = None

    def ask(self) -> dict[str, Any]:
        """Returns the values of the next trial by key."""
        self._trial = trial = self._study.ask()
        return self._space.choose(
            lambda key: trial.suggest_float(key, 0.0, 1.0),
            lambda key, count: trial.suggest_categorical(key, range(count)),
        )

    def tell(self, score: float | None) -> None:
        """Takes the score of that trial, the more the better; None where it has failed."""
        state = self._failed if score is None else None
        self._study.tell(self._trial, score, state=state)


def wandb_sweep(reference: str, words: Sequence[str], metric: str | None) -> str:
    """Returns the file of a W&B sweep; each of its trials is a run that `papers sweep` would make.

    Args:
        reference: The recipe.
        words: What is searched, and what all trials have, as `papers sweep` takes them.
        metric: Measured on the hold-out; the best is chosen by it.

    Raises:
        UsageError: Another metric, several seeds, or a recipe or value that is refused.
    """
    space = read_space(words)
    if metric is None or not metric.startswith("val/"):
        raise UsageError("--metric: W&B needs the whole name of one, such as val/knn_top1")
    if BESIDE.search(metric):
        raise UsageError(f"--metric {metric}: does not say how good an encoder is; name another")
    if len(space.seeds) > 1:
        raise UsageError("seed: a trial of W&B is one run; name one seed")
    for end in (0, -1):
        at_end = {key: _values(one)[end] for key, one in space.searched.items()}
        recipe, values = trial_recipe(reference, space.fixed, at_end, space.seeds[0])
    shared = [as_word(key, value) for key, value in values.items() if key not in space.searched]
    drawn = any(isinstance(one, Range) for one in space.searched.values())
    content = {
        "name": recipe.reference.replace("/", "-").replace(":", "-"),
        "program": "papers",
        "method": "random" if drawn else "grid",
        "metric": {"name": metric, "goal": "minimize" if ERROR.search(metric) else "maximize"},
        "parameters": {key: _parameter(one) for key, one in space.searched.items()},
        # The macro comes out as optimizer.lr=0.002 and so on: what a person would type.
        "command": ["${env}", "${program}", "train", reference, *shared, "${args_no_hyphens}"],
    }
    made_by = shlex.join(["papers", "sweep", reference, *words, "--metric", metric])
    return f"# Made by: {made_by} --wandb FILE.yaml\n{USE}{to_yaml(content)}"


def _values(searched: Any) -> list[Any]:
    return [searched.low, searched.high] if isinstance(searched, Range) else list(searched)


def _parameter(searched: Any) -> dict[str, Any]:
    if not isinstance(searched, Range):
        return {"values": list(searched)}
    if searched.whole:  # W&B draws the ones of a logarithm as 64.0, which no setting takes
        shares = (step / (WHOLE_VALUES - 1) for step in range(WHOLE_VALUES))
        return {"values": sorted({searched.at(share) for share in shares})}
    distribution = "log_uniform_values" if searched.log else "uniform"
    return {"distribution": distribution, "min": searched.low, "max": searched.high}
