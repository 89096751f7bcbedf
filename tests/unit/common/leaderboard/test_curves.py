import pytest

from common.leaderboard.curves import CURVE_POINTS, curves_of, stored_curves, thin
from common.tracking.metrics_file import HEADER, Row

KEYS = ("train/loss", "train/lr", "train/loss_i", "val/knn_top1", "diag/embedding_std")


def test_long_curves_are_thinned_to_their_ends():
    kept = thin(range(0, 1000), 40)
    assert (len(kept), kept[0], kept[-1]) == (40, 0, 999)
    assert thin([1, 2], 40) == [1, 2]


def test_a_band_looks_at_loss_and_validation_a_record_at_diagnostics_too(tmp_path):
    rows = [Row(8, 0, key, 0.5) for key in KEYS]
    assert curves_of(rows) == {"train/loss": {8: 0.5}, "val/knn_top1": {8: 0.5}}
    write(tmp_path, [f"8,0,{key},0.5" for key in KEYS])
    assert list(stored_curves(tmp_path)) == ["diag/embedding_std", "train/loss", "val/knn_top1"]


def write(folder, lines):
    (folder / "metrics.csv").write_text("\n".join([HEADER, *lines]) + "\n")


def test_stored_curves_are_short_rounded_and_finite(tmp_path):
    lines = [f"{batch},0,train/loss,{1 / 3 + batch!r}" for batch in range(1, 401)]
    write(tmp_path, [*lines, "5,0,val/a,nan", "400,0,val/b,inf", "400,0,val/b,2.0"])
    curves = stored_curves(tmp_path)
    assert len(curves["train/loss"]) == CURVE_POINTS
    assert curves["train/loss"][0] == [1, 1.33333]
    assert curves["train/loss"][-1] == [400, 400.333]
    assert (curves["val/b"], "val/a" in curves) == ([[400, 2.0]], False)


def test_without_training_there_are_none_and_damage_costs_a_warning(tmp_path):
    assert stored_curves(tmp_path) == {}
    write(tmp_path, ["8,0,train/loss"])
    with pytest.warns(UserWarning, match=r"no learning curves: .*metrics\.csv:2"):
        assert stored_curves(tmp_path) == {}
