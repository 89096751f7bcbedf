import pytest

from common.results.curves import (
    CURVE_POINTS,
    curves_of,
    last_values,
    spread_evenly,
    stored_curves,
    value_at,
)
from common.results.groups import Code
from common.results.leaderboard import make_leaderboard
from common.results.pages.arms import arms_side_by_side
from common.results.pages.curves import curves_of_paper
from common.results.pages.document import to_markdown
from common.tracking.metrics_file import HEADER, MetricRow

KEYS = ("train/loss", "train/lr", "train/loss_i", "val/knn_top1", "diag/embedding_std")


def test_long_curves_are_thinned_to_their_ends():
    kept = spread_evenly(range(0, 1000), 40)
    assert (len(kept), kept[0], kept[-1]) == (40, 0, 999)
    assert spread_evenly([1, 2], 40) == [1, 2]


def test_a_plot_looks_at_loss_and_validation_a_record_at_diagnostics_too(tmp_path):
    rows = [MetricRow(8, 0, key, 0.5) for key in KEYS]
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


CODE = Code(digests={"swav": "e" * 12}, config_hashes={"swav/cifar10": "c" * 10})


def curves(shift=0.0, **more):
    """A loss from 8 down to 4 over 20 batches and a diagnostic, moved by ``shift``."""
    loss = [[batch, 8 - batch / 5 + shift] for batch in range(1, 21)]
    return {"train/loss": loss, "diag/used": [[1, 2.0], [20, 50 + shift]], **more}


@pytest.fixture
def board(make_record):
    """A board of runs with the given curves, one a seed, and other runs."""

    def make(*given, others=(), **changes):
        runs = [make_record(seed=seed, curves=c, **changes) for seed, c in enumerate(given)]
        return make_leaderboard([], [*runs, *others], CODE)

    return make


def lines_of(board, every=False):
    return to_markdown(curves_of_paper(board, "swav", every)).splitlines()


def cells(lines, key):
    (line,) = [line for line in lines if line.startswith(f"| {key} ")]
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_each_share_has_the_mean_and_spread_of_the_nearest_points(board):
    runs = board(curves(), curves(0.2), curves(0.4))
    lines = lines_of(runs, every=True)
    assert "### `swav/cifar10` on cifar10: 20 batches of 64, 3 seeds" in lines
    assert "| metric | 0 % | 25 % | 50 % | 75 % | 100 % |" in lines
    # By hand: at batch 1, 5, 10, 15 and 20 the loss of seed 0 is 7.8, 7, 6, 5 and 4.
    expected = [f"{loss + 0.2:.2f} ± 0.20" for loss in (7.8, 7, 6, 5, 4)]
    assert cells(lines, "train/loss") == expected
    assert cells(lines, "diag/used") == ["2.00 ± 0.00", "-", "-", "-", "50.20 ± 0.20"]
    assert cells(lines_of(runs), "train/loss") == expected[::2]


def test_the_loss_comes_first_and_the_diagnostics_last(board):
    more = {"val/hr@10": [[20, 0.5]], "val/hr@5": [[20, 0.4]], "val/hr@5_std": [[20, 0.1]]}
    lines = lines_of(board(curves(**more)))
    keys = [line.split(" ")[1] for line in lines if line.startswith("| ")]
    assert keys == ["metric", "---", "train/loss", "val/hr@5", "val/hr@10", "diag/used"]
    assert cells(lines, "val/hr@10") == ["-", "-", "0.5000"]


def test_runs_of_another_length_are_read_by_their_own(make_record):
    record = make_record(batches=200, curves={"train/loss": [[50, 1.0], [96, 2.0], [170, 3.0]]})
    found = [value_at(record, "train/loss", share) for share in (0, 0.25, 0.5, 0.75, 1)]
    assert found == [None, 1.0, 2.0, 3.0, None]
    assert value_at(record, "val/x", 0.5) is None
    assert value_at(make_record(batches=0, curves=record.curves), "train/loss", 0) is None


def test_a_seed_that_lacks_a_point_is_not_left_out_of_the_mean(board):
    short = curves() | {"train/loss": [[1, 8.0]]}
    lines = lines_of(board(curves(), short))
    assert cells(lines, "train/loss") == ["7.90 ± 0.14", "-", "-"]


def test_only_the_method_with_curves_is_shown_and_stale_runs_say_so(board, make_record):
    ablation = make_record(arm="ablation/x", variant="x", run_id="x", curves=curves())
    lines = lines_of(board(curves(), {}, others=[ablation]))
    title = "### `swav/cifar10` on cifar10: 20 batches of 64, 1 seed"
    assert [line for line in lines if line.startswith("#")] == [title]
    lines = lines_of(board(curves(), code_digest="0" * 12))
    assert f"{title}; not checked" in lines
    assert lines_of(board({}))[-1] == "No learning curves yet."


def test_diagnostics_stand_beside_the_arms(board, make_record):
    collapsed = make_record(
        arm="ablation/x", variant="x", run_id="x", curves={"diag/used": [[1, 9.0], [20, 1.0]]}
    )
    text = to_markdown(arms_side_by_side(board(curves(), curves(1.0), others=[collapsed]), "swav"))
    header, _, *rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")]
    place = header.index("used")
    assert header[place - 1] == "knn_top1"
    assert [row[place] for row in rows] == ["50.50 ± 0.71", "1.0000", "-"]
    assert last_values(collapsed) == {"diag/used": 1.0}


def test_without_curves_the_arms_are_as_they_were(board):
    text = to_markdown(arms_side_by_side(board({}), "swav"))
    assert "| arm | recipe | epochs | knn_top1 | seeds | status | runs | commit |" in text


def test_of_many_signs_that_differ_in_numbers_a_papers_page_shows_one(board):
    signs = {
        f"diag/tau_head{head}_q{share}": [[20, float(head)]]
        for head in range(6)
        for share in (5, 95)
    }
    few, all_ = (lines_of(board(curves(**signs)), every) for every in (False, True))
    assert [sum("diag/tau" in line for line in lines) for lines in (few, all_)] == [1, 12]
