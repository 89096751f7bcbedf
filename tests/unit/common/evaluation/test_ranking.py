import math

import pytest
import torch

from common.evaluation.ranking import (
    History,
    RankingInput,
    evaluate_ranking,
    rank_all,
    rank_among_sampled,
    rank_scores,
    ranking_metrics,
)
from common.evaluation.ranking_config import RankingConfig


def brute_force(scores, target):
    return sum(s >= scores[target] for i, s in enumerate(scores) if i != 0)


def inputs(users=50, items=40, dim=6, **fields):
    generator = torch.Generator().manual_seed(0)
    queries = torch.randn(users, dim, generator=generator)
    table = torch.randn(items + 1, dim, generator=generator)
    targets = torch.randint(1, items + 1, (users,), generator=generator)
    return RankingInput(queries, table, targets, **fields)


@pytest.mark.parametrize("chunk", [1, 7, 512])
def test_ranks_count_the_scores_of_real_items_that_are_as_great(chunk):
    given = inputs()
    scores = (given.queries @ given.items.T).tolist()
    expected = [brute_force(row, t) for row, t in zip(scores, given.targets, strict=True)]
    assert rank_all(given, chunk=chunk).tolist() == expected


def test_the_padding_item_is_never_ranked():
    scores = torch.tensor([[99.0, 1.0, 3.0, 2.0]])
    assert rank_scores(scores, torch.tensor([3])).tolist() == [2]


def test_ties_cost_all_unless_it_is_said():
    scores = torch.tensor([[2.0, 2.0, 3.0, 2.0, 2.0]])
    target = torch.tensor([1])
    ranks = [rank_scores(scores, target, ties).item() for ties in ("strict", "middle")]
    assert [*ranks, rank_scores(scores, target).item()] == [2, 3, 4]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_ranks_are_exact_among_thousands_of_items_in_every_type(dtype):
    # Rounded to twelfths, so that many tie; 70,000 is more than float16 can hold.
    generator = torch.Generator().manual_seed(0)
    scores = (torch.randn(3, 70_001, generator=generator) * 12).round().div(12).to(dtype)
    scores[0, 5], scores[1, 5], scores[2, 40_000] = -9.0, 9.0, 0.0
    targets = torch.tensor([5, 5, 40_000])
    given, own = scores.clone(), scores.gather(1, targets[:, None])
    greater = [sum(row) for row in (scores > own)[:, 1:].tolist()]
    equal = [sum(row) - 1 for row in (scores == own)[:, 1:].tolist()]
    assert greater[:2] == [69_999, 0] and equal[2] > 1000
    shares = {"strict": 0, "middle": 0.5, "pessimistic": 1}
    for ties, share in shares.items():
        wanted = [1 + g + share * e for g, e in zip(greater, equal, strict=True)]
        assert rank_scores(scores, targets, ties).tolist() == wanted
    assert scores.equal(given)


def test_metrics_of_one_relevant_item():
    metrics = ranking_metrics(torch.tensor([1, 3, 11]), [10])
    assert metrics["hr@10"] == pytest.approx(2 / 3)
    assert metrics["mrr@10"] == pytest.approx((1 + 1 / 3) / 3)
    assert metrics["ndcg@10"] == pytest.approx((1 + 1 / math.log2(4)) / 3)


def test_masking_the_history_lifts_ranks_but_never_hides_the_target():
    offsets = torch.arange(0, 50 * 20 + 1, 20)
    history = History(torch.arange(1, 21).repeat(50), offsets)
    given = inputs(history=history)
    plain, masked = rank_all(given), rank_all(given, mask_history=True, chunk=8)
    assert (masked <= plain).all() and (masked < plain).any()
    scores = given.queries @ given.items.T
    for user, target in enumerate(given.targets.tolist()):
        kept = [0.0] + [-math.inf] * 20 + scores[user, 21:].tolist()
        kept[target] = scores[user, target].item()
        assert masked[user] == brute_force(kept, target)


def test_a_collapsed_model_ranks_last():
    given = inputs()
    given.items = torch.ones(41, 6)
    found = evaluate_ranking(given, RankingConfig(sampled_negatives=30), seed=0)
    assert set(found.values()) == {0.0}


def test_the_protocol_reports_each_cutoff():
    metrics = evaluate_ranking(inputs(), RankingConfig(cutoffs=[1, 10]), seed=0)
    assert set(metrics) == {f"{m}@{k}" for m in ("hr", "ndcg", "mrr") for k in (1, 10)}
    assert metrics["hr@1"] == metrics["ndcg@1"] == metrics["mrr@1"]


def met(users=50, items=20):
    """Each user met items 1 to ``items``."""
    return History(
        torch.arange(1, items + 1).repeat(users), torch.arange(0, users * items + 1, items)
    )


def test_among_all_that_was_not_met_the_sampled_rank_is_the_masked_one():
    given = inputs(history=met())
    for wanted in (39, 500):
        sampled = rank_among_sampled(given, wanted, seed=0)
        assert sampled.equal(rank_all(given, mask_history=True))


def test_negatives_are_new_to_the_user_and_a_share_of_them_costs_a_share_of_the_rank():
    # The target scores 0; what the user met scores above it and would cost ranks if drawn, as
    # would the padding item; of the 100 others half score above.
    table = torch.tensor([9.0] + [5.0] * 20 + [1.0, -1.0] * 50 + [0.0])[:, None]
    given = RankingInput(torch.ones(400, 1), table, torch.full((400,), 121), met(400))
    ranks = rank_among_sampled(given, 10, seed=3)
    assert ranks.min() >= 1 and ranks.max() <= 11
    assert ranks.mean().item() == pytest.approx(6.0, abs=0.3)
    assert len(ranks.unique()) > 5


def test_draws_follow_the_seed_and_not_the_chunk():
    given = inputs(history=met())
    first = rank_among_sampled(given, 5, seed=1, chunk=1)
    assert first.equal(rank_among_sampled(given, 5, seed=1, chunk=17))
    assert not first.equal(rank_among_sampled(given, 5, seed=2, chunk=17))


def test_sampled_columns_are_labelled_and_stand_beside_the_full_ranking():
    plain = evaluate_ranking(inputs(), RankingConfig(cutoffs=[5]), seed=0)
    both = evaluate_ranking(inputs(), RankingConfig(cutoffs=[5], sampled_negatives=8), seed=0)
    assert {key: both[key] for key in plain} == plain
    assert set(both) - set(plain) == {"sampled_hr@5", "sampled_ndcg@5", "sampled_mrr@5"}
    assert both["sampled_hr@5"] > plain["hr@5"]


def test_counts_that_tie_are_half_won_among_sampled_items_too():
    counts = torch.ones(41, 1, dtype=torch.float64)
    given = RankingInput(
        torch.ones(6, 1, dtype=torch.float64), counts, torch.arange(1, 7), ties="middle"
    )
    assert rank_among_sampled(given, 10, seed=0).tolist() == [6.0] * 6
