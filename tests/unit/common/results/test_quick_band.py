import dataclasses
import json
import math

import pytest

from common.errors import LikewiseError, UsageError
from common.results.quick_band import allowed_difference, band_seeds, read_band, store_band, verify
from common.results.record import NO_NUMBER, RecordError, read_record, write_record
from common.results.statistics import Sample

KNN = "test/knn_top1"


@pytest.fixture
def make_runs(make_record, tmp_path):
    """Three finished quick runs; ``shift`` moves the final number, ``slope`` the curve."""

    def make(name, shift=0.0, slope=-0.01, **changes):
        folders = []
        for seed in (0, 1, 2):
            folder = tmp_path / name / str(seed)
            folder.mkdir(parents=True)
            values = {"seed": seed, "recipe": "quick", "metrics": {KNN: 0.80 + seed / 50 + shift}}
            scaled = {"scaled": True, "scaled_reason": NO_NUMBER}
            write_record(make_record(**{**values, **scaled, **changes}), folder)
            lines = ["batch,epoch,key,value"]
            for batch in range(0, 100, 10):
                lines.append(f"{batch},0,train/loss,{5 + slope * batch + seed / 100}")
                lines.append(f"{batch},0,diag/other,1.0")
            (folder / "metrics.csv").write_text("\n".join(lines) + "\n")
            folders.append(folder)
        return folders

    return make


def results_of(comparisons):
    return {item.name: item.inside for item in comparisons}


def test_the_same_runs_are_inside_their_own_band(make_runs, tmp_path):
    store_band("swav", make_runs("a"), tmp_path)
    assert results_of(verify("swav", make_runs("b"), tmp_path)) == {
        KNN: True,
        "train/loss curve": True,
    }


def test_the_allowed_difference_by_hand():
    # Equal spreads of 0.02 over 3 seeds: t(4 degrees of freedom) at 0.995 is 4.604.
    sample = Sample(0.82, 0.02, 3)
    assert allowed_difference(sample) == pytest.approx(4.604 * 0.02 * math.sqrt(2 / 3), rel=1e-3)
    assert allowed_difference(Sample(0.5, 0.0, 3)) == pytest.approx(0.005)


def test_runs_that_break_now_and_then_do_not_widen_what_they_are_held_against(make_runs, tmp_path):
    store_band("swav", make_runs("a"), tmp_path)
    runs = make_runs("b")
    for folder in runs[1:]:
        record = read_record(folder / "result.json")
        write_record(dataclasses.replace(record, metrics={KNN: 0.12}), folder)
    assert results_of(verify("swav", runs, tmp_path)) == {KNN: False, "train/loss curve": True}


# The allowed difference is 0.0752 (see above).
@pytest.mark.parametrize(("shift", "inside"), [(0.075, True), (-0.075, True), (0.076, False)])
def test_a_final_number_beyond_the_interval_is_outside(make_runs, tmp_path, shift, inside):
    store_band("swav", make_runs("a"), tmp_path)
    found = verify("swav", make_runs("b", shift=shift), tmp_path)
    assert results_of(found) == {KNN: inside, "train/loss curve": True}


def test_another_learning_curve_with_the_same_end_is_outside(make_runs, tmp_path):
    store_band("swav", make_runs("a"), tmp_path)
    found = verify("swav", make_runs("b", slope=-0.02), tmp_path)
    assert results_of(found) == {KNN: True, "train/loss curve": False}
    # Equal at batch 0; at batch 10 they differ by 0.1, of which 1 % of 4.91 is allowed: 1 in 10.
    assert found[1].ours == pytest.approx(0.1)


def test_an_undefined_number_is_outside(make_runs, tmp_path):
    store_band("swav", make_runs("a"), tmp_path)
    found = verify("swav", make_runs("b", metrics={KNN: None}), tmp_path)
    assert results_of(found)[KNN] is False


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"config_hash": "0" * 10}, "recipe: the band"), ({"data_hash": "0" * 16}, "data: the band")],
)
def test_other_settings_are_not_compared(make_runs, tmp_path, changes, message):
    store_band("swav", make_runs("a"), tmp_path)
    with pytest.raises(UsageError, match=message):
        verify("swav", make_runs("b", **changes), tmp_path)
    with pytest.raises(UsageError, match="seeds: the band"):
        verify("swav", make_runs("c")[:2], tmp_path)


def test_the_seeds_to_train(make_runs, tmp_path):
    assert band_seeds("swav", tmp_path) == [0, 1, 2]
    store_band("swav", make_runs("a"), tmp_path)
    assert band_seeds("swav", tmp_path) == [0, 1, 2]


def test_a_band_needs_three_different_seeds_of_one_setting(make_runs, tmp_path):
    runs = make_runs("a")
    with pytest.raises(UsageError, match="at least 3 different seeds"):
        store_band("swav", [*runs[:2], runs[0]], tmp_path)
    other = make_runs("b", code_digest="0" * 12)
    with pytest.raises(UsageError, match="differ in code_digest"):
        store_band("swav", [*runs[:2], other[2]], tmp_path)
    with pytest.raises(UsageError, match="not swav/quick"):
        store_band("swav", make_runs("c", recipe="cifar10"), tmp_path)


def test_runs_of_changed_code_in_mid_verification(make_runs, tmp_path):
    store_band("swav", make_runs("a"), tmp_path)
    mixed = [*make_runs("b")[:2], make_runs("c", code_digest="0" * 12)[2]]
    with pytest.raises(LikewiseError, match="changed between the runs"):
        verify("swav", mixed, tmp_path)


def test_without_a_band_the_command_that_stores_one_is_told(tmp_path):
    with pytest.raises(UsageError, match="papers verify swav --quick --store"):
        read_band("swav", tmp_path)


@pytest.mark.parametrize("damage", [lambda t: t[:50], lambda t: "{}", lambda t: "[1]"])
def test_a_broken_band_is_named(make_runs, tmp_path, damage):
    path = store_band("swav", make_runs("a"), tmp_path)
    path.write_text(damage(path.read_text()))
    with pytest.raises(RecordError, match=r"quick\.json"):
        read_band("swav", tmp_path)
    path.write_text(json.dumps({"version": 1}))
    with pytest.raises(RecordError, match="missing"):
        read_band("swav", tmp_path)
