"""A plan while it is made: the values that are chosen, why, and what stands in the way."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from common.config.schema import Recipe
from common.paper import Paper


class Choice(NamedTuple):
    """A value of the plan and its reason."""

    value: Any
    why: str


@dataclass
class Draft:
    """What is planned on top of ``base``, the recipe that the paper has for such data.

    Attributes:
        paper: Whose recipe it is.
        base: The recipe as it stands, with the settings of the baseline that the user names.
        words: The user's own values by dotted key; they win.
        fixed: The user named the recipe, so that its sizes stay.
        kept: Dotted keys that the variant sets, or a file of the user's own: the plan leaves them.
        choices: By dotted key, in the order in which they were made.
        obstacles: Each with its mend.
        notes: What the user should know beside the values.
        trained: Training samples, without those that are held out.
        seconds: A rough estimate of the training time on this machine; None where nothing is known.
    """

    paper: Paper
    base: Recipe
    words: dict[str, Any]
    fixed: bool = False
    kept: frozenset[str] = frozenset()
    choices: dict[str, Choice] = field(default_factory=dict)
    obstacles: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float | None = None
    trained: int = 0

    def get(self, key: str) -> Any:
        """Returns the value in force: the user's, the plan's or the recipe's.

        A value of the user's that is of another type is left to the check of the whole recipe.
        """
        value: Any = self.base
        for name in key.split("."):
            value = getattr(value, name)
        if key in self.choices:
            value = self.choices[key].value
        own = self.words.get(key, value)
        kinds = (int, float) if isinstance(value, int | float) else type(value)
        return own if value is None or isinstance(own, kinds) else value

    def choose(self, key: str, value: Any, why: str) -> None:
        """Plans ``key`` unless user or variant set it, or the recipe has the value already."""
        if key not in self.kept:
            self.fit(key, value, why)

    def fit(self, key: str, value: Any, why: str) -> None:
        """Plans ``key`` even where a variant sets it, which was for other data.

        A setting that the method, perhaps a baseline, does not have is left out.
        """
        foreign = key.startswith("method.") and not self.has(key)
        if key not in self.words and not foreign and value != self.get(key):
            self.choices[key] = Choice(value, why)

    def has(self, key: str) -> bool:
        """Returns whether the method, perhaps a baseline, has the setting ``method.NAME``."""
        return hasattr(self.base.method, key.split(".")[1])

    @property
    def learns_from_labels(self) -> bool:
        """Whether the method, perhaps a baseline, is trained on classes."""
        own = self.base.baseline is None or self.base.baseline in self.paper.baselines
        learns = getattr(self.base.method, "learns_from_labels", False)
        return self.paper.target == "class" if own else learns

    def refuse(self, text: str) -> None:
        """Notes an obstacle: what is wrong, and how it is mended."""
        self.obstacles.append(text)


def span(low: float, high: float) -> str:
    """Returns a range of whole numbers in words, one number where both are it."""
    ends = dict.fromkeys(f"{end:.0f}" for end in (low, high))
    return " to ".join(ends)


def fit_batch(num: int, at_most: int, at_least: int = 2) -> int:
    """Returns a power of two for ``num`` training samples: six batches or more where that is.

    It is not below ``at_least`` where so many samples are there.
    """
    size = at_most
    while size > at_least and size * 6 > num:
        size //= 2
    return max(min(size, num), 1)


def check_batch(draft: Draft, num: int, what: str) -> None:
    """Notes an obstacle where the batch in force takes more than the ``num`` training samples."""
    size = draft.get("data.batch_size")
    if size and size > num:
        draft.refuse(f"data.batch_size={size}: there are {num} {what}; use at most that many")
