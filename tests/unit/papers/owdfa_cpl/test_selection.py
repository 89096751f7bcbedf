import pytest
import torch

from papers.owdfa_cpl.selection import AdaptiveThresholds, ClassThresholds, build_rule
from papers.owdfa_cpl.stages import NONE, Relabelling

SURE = torch.tensor([[9.0, 0, 0], [0, 9.0, 0], [0.1, 0, 0], [0, 0, 0.1]])
PLACES = torch.tensor([4, 0, 2, 1])


@pytest.mark.parametrize(
    ("name", "expected"),
    # free: the class that is expected most has the highest threshold.
    [("hard", [1, 1, 1, 1]), ("fix", [1, 1, 0, 0]), ("flex", [1, 1, 1, 1]), ("free", [0, 1, 0, 0])],
)
def test_first_masks(name, expected):
    rule = build_rule(name, 3, 6, cutoff=0.9, momentum=0.5)
    assert rule(SURE, PLACES).int().tolist() == expected


def test_class_thresholds_rise_with_what_a_class_has_been_given():
    rule = ClassThresholds(0.9, 3, 6, warm_up=False)
    rule(SURE, PLACES)
    assert rule.slots.tolist() == [1, 3, 3, 3, 0, 3]
    assert rule.ratio.tolist() == [1, 1, 0]
    assert rule(SURE, PLACES).tolist() == [True, True, False, True], "class 2 has no threshold yet"


def test_unsure_samples_leave_the_ratio_at_nought():
    rule = ClassThresholds(0.9, 3, 6, warm_up=False)
    rule(SURE[2:], PLACES[2:])
    assert rule.ratio.tolist() == [0, 0, 0]


def test_adaptive_thresholds_start_at_one():
    rule = AdaptiveThresholds(3, momentum=0.999, quantile=0.8)
    assert not rule(SURE[2:], PLACES[2:]).any()
    assert 0.99 < rule.overall < 1


def test_shares_of_a_batch_of_any_size_are_in_float64():
    # A third has no float32; a sixteenth, as in the stored values, has one.
    rule = AdaptiveThresholds(3, momentum=0.5, quantile=0.8)
    rule(SURE[:3], PLACES[:3])
    expected = torch.tensor([0.5 + 0.5 * 2 / 3, 0.5 + 0.5 / 3, 0.5], dtype=torch.float64)
    torch.testing.assert_close(rule.histogram, expected, rtol=0, atol=1e-15)


def test_states_are_in_the_checkpoint():
    assert set(build_rule("flex", 3, 6, 0.9, 0.5).state_dict()) == {"slots", "ratio"}
    assert set(build_rule("free", 3, 6, 0.9, 0.5).state_dict()) == {
        "overall",
        "by_class",
        "histogram",
    }


def test_labels_are_handed_out_a_round_later():
    stages = Relabelling(6, pretrain_epochs=1, round_epochs=2)
    assert stages.pretrains(0) and not stages.pretrains(1)
    for epoch in range(3):
        assert (stages.labels(PLACES, SURE, epoch) == NONE).all(), "the first round has none"
    assert stages.labels(PLACES, -SURE, 3).tolist() == [0, 1, 0, 2]
    assert stages.labels(PLACES, -SURE, 4).tolist() == [0, 1, 0, 2], "fixed within the round"
    assert stages.labels(PLACES, SURE, 5).tolist() == (-SURE).argmax(1).tolist()
    unseen = torch.tensor([3, 5])
    assert (stages.labels(unseen, SURE[:2], 5) == NONE).all()


def test_one_round_hands_out_nothing():
    stages = Relabelling(6, 0, 0)
    assert (stages.labels(PLACES, SURE, 50) == NONE).all() and len(stages.latest) == 0
