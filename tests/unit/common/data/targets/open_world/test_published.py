"""A table against the published one: classes, counts, one factor for all, and the protocol."""

import pytest

from common.data.targets.open_world.readers.published import (
    COUNTS,
    PROTOCOLS,
    ClassCounts,
    check_protocol,
    compare,
)
from common.errors import ConfigError


def make_classes(protocol, factor=1):
    number, known, real = PROTOCOLS[protocol]
    kinds = [(n < known - real // 2, False) for n in range(number - real)]
    kinds += [(True, True), (False, True)][:real]
    names = [
        f"{'Celeb-Real' if kind[1] else 'RealisticGAN'} {n} (x)" for n, kind in enumerate(kinds)
    ]
    return [
        ClassCounts(name, *(factor * count for count in COUNTS[kind]))
        for name, kind in zip(names, kinds, strict=True)
    ]


@pytest.mark.parametrize("protocol", [1, 2])
def test_the_published_table_and_one_five_times_as_large_are_known(protocol):
    for factor, said in ((1, "counts as published"), (5, "counts 5 times as published")):
        classes = make_classes(protocol, factor)
        check_protocol(classes, protocol)
        assert compare(classes, protocol) == (f"{said} for protocol {protocol}", "")


def test_what_differs_is_said_by_name():
    classes = make_classes(1)
    mixed = [*classes[:-1], make_classes(1, 5)[-1]]
    assert "other counts in 1 (labelled + unlabelled): " in compare(mixed, 1)[1]
    assert "RealisticGAN 19 (x) 0 + 7,500" in compare(mixed, 1)[1]
    swapped = [classes[0]._replace(labelled=0, unlabelled=1500), *classes[1:]]
    assert "20 classes (7 known, 0 real) instead of 20 classes (8 known" in compare(swapped, 1)[1]
    assert "19 classes" in compare(classes[1:], 1)[1]


def test_a_protocol_that_the_table_contradicts_is_refused():
    with pytest.raises(ConfigError, match=r"Celeb-Real 20.*data\.protocol=2"):
        check_protocol(make_classes(2), 1)
    with pytest.raises(ConfigError, match=r"1.*data\.protocol=1"):
        check_protocol(make_classes(1), 2)
    check_protocol(make_classes(1)[:4], 2)
    assert (
        "(4 known, 0 real) instead of 22 classes (9 known, 2 real)"
        in compare(make_classes(1)[:4], 2)[1]
    )
