"""Which metrics are scores."""

import pytest

from common.results.metrics import BESIDE, arrow


@pytest.mark.parametrize("kind", ["effect", "p", "p_holm"])
def test_neither_an_effect_size_nor_its_p_value_is_a_score(kind: str) -> None:
    assert BESIDE.search(f"test/association_tools_toys_{kind}")
    assert not BESIDE.search("test/hr@10") and not BESIDE.search("test/spearman")


def test_an_arrow_says_which_way_is_better_and_none_stands_where_noise_may_be_ahead() -> None:
    names = ("recall@1", "mae", "rankme", "second_effective_rank", "gap_uniformity_first")
    assert [arrow(name) for name in names] == [" ↑", " ↓", "", "", ""]
