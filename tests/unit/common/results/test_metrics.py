"""Which metrics are scores."""

import pytest

from common.results.metrics import BESIDE


@pytest.mark.parametrize("kind", ["effect", "p", "p_holm"])
def test_neither_an_effect_size_nor_its_p_value_is_a_score(kind: str) -> None:
    assert BESIDE.search(f"test/association_tools_toys_{kind}")
    assert not BESIDE.search("test/hr@10") and not BESIDE.search("test/spearman")
