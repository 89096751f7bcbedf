"""Pilots and runs of the official code stand apart from the rows."""

import pytest

from common.results.groups import Code
from common.results.leaderboard import make_leaderboard
from common.results.pages.document import to_markdown
from common.results.pages.paper import aside
from tests.samples import KNN


@pytest.fixture
def page(make_record):
    def make(runs):
        records = [
            make_record(**{"run_id": f"r{number}", **changes})
            for number, changes in enumerate(runs)
        ]
        return to_markdown(aside(make_leaderboard([], records, Code()), "swav"))

    return make


def pilot(seed, lr, value):
    config = {"optimizer": {"lr": lr, "name": "sgd"}, "seed": seed}
    metrics = {KNN.replace("test/", "val/"): value}
    return {"pilot": True, "looked_at": "val", "seed": seed, "config": config, "metrics": metrics}


def test_a_line_a_setting_says_what_differs_and_the_mean_over_seeds(page):
    text = page([pilot(0, 0.1, 0.5), pilot(1, 0.1, 0.7), pilot(0, 0.2, 0.9)])
    assert "2 settings were tried" in text
    assert "| `cifar10` | `optimizer.lr=0.1` | val | 2 | val/knn_top1 0.6000 ± 0.1414 |" in text
    assert "| `cifar10` | `optimizer.lr=0.2` | val | 1 | val/knn_top1 0.9000 |" in text


def test_a_run_made_again_counts_once_and_a_key_that_it_lacks_is_no_setting(page):
    again = pilot(0, 0.1, 0.5)
    again["config"]["trainer"] = {"microbatch": 8}
    first = {**pilot(0, 0.1, 0.9), "finished": "2025-01-01T00:00:00Z"}
    text = page([again, first, pilot(1, 0.2, 0.7), pilot(1, 0.1, 0.7)])
    assert "2 settings were tried" in text and "microbatch" not in text
    assert "| `cifar10` | `optimizer.lr=0.1` | val | 2 | val/knn_top1 0.6000 ± 0.1414 |" in text


def test_the_official_code_is_named_with_its_command(page):
    text = page([{"origin": "official", "command": "python go.py", "changes": "none"}])
    assert "official code at" in text and "`python go.py`; changes: none" in text
    assert page([{}]) == page([])
