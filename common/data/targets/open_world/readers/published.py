"""The published table of OW-DFA: classes and counts, and how another table differs. No torch."""

import re
from typing import NamedTuple

from common.errors import ConfigError

# (classes, known ones, real ones) of each protocol.
PROTOCOLS = {1: (20, 8, 0), 2: (22, 9, 2)}
# (labelled, unlabelled) of a class by (known, real); there is a version five times as large.
COUNTS = {
    (True, False): (1500, 500),
    (False, False): (0, 1500),
    (True, True): (15_000, 5000),
    (False, True): (0, 5000),
}
FACTORS = (1, 5)
TRAIN_SHARE = 0.8
SHOWN = 5


def first_few(names: list[str]) -> str:
    """Returns the first `SHOWN` of ``names``, and whether there are more."""
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")


class ClassCounts(NamedTuple):
    """A class of a table and how many of its images are labelled or not."""

    name: str
    labelled: int
    unlabelled: int

    @property
    def known(self) -> bool:
        """Tells whether any image of it is labelled."""
        return self.labelled > 0

    @property
    def real(self) -> bool:
        """Tells whether its name, up to the sources in brackets, says that it is no forgery."""
        method = self.name.partition(" (")[0].lower()
        return re.search(r"(?<![a-z])real(?![a-z])", method) is not None

    def is_published(self, factor: int) -> bool:
        """Tells whether the counts are ``factor`` times the published ones."""
        labelled, unlabelled = COUNTS[self.known, self.real]
        return (self.labelled, self.unlabelled) == (factor * labelled, factor * unlabelled)


def check_protocol(classes: list[ClassCounts], protocol: int) -> None:
    """Raises `ConfigError` for real images in protocol 1, or protocol 1's classes in 2."""
    real = [each.name for each in classes if each.real]
    if protocol == 1 and real:
        raise ConfigError(
            f"data.protocol=1 has forgeries only, and the table has {', '.join(real)}; use "
            "data.protocol=2, or take those rows out"
        )
    if protocol == 2 and _numbers(classes) == PROTOCOLS[1]:
        raise ConfigError(
            "data.protocol=2 has real images too, and the table's classes are those of protocol "
            "1; use data.protocol=1"
        )


def compare(classes: list[ClassCounts], protocol: int) -> tuple[str, str]:
    """Returns what the table has of the published one, and in what it differs; one is empty."""
    wanted, have = PROTOCOLS[protocol], _numbers(classes)
    differ = {f: [each for each in classes if not each.is_published(f)] for f in FACTORS}
    factor = min(FACTORS, key=lambda f: len(differ[f]))
    odd, said = differ[factor], []
    if have != wanted:
        names = "{} classes ({} known, {} real)"
        said.append(f"{names.format(*have)} instead of {names.format(*wanted)}")
    if odd:
        counts = first_few([f"{each.name} {each.labelled:,} + {each.unlabelled:,}" for each in odd])
        said.append(f"other counts in {len(odd)} (labelled + unlabelled): {counts}")
    if said:
        return "", f"the table is not the paper's protocol {protocol}: {'; '.join(said)}"
    times = "" if factor == 1 else f"{factor} times "
    return f"counts {times}as published for protocol {protocol}", ""


def _numbers(classes: list[ClassCounts]) -> tuple[int, int, int]:
    return len(classes), sum(c.known for c in classes), sum(c.real for c in classes)
