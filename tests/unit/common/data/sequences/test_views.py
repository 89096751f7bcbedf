import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from common.data.sequences.views import (
    CROP,
    MASK,
    NONE,
    REORDER,
    ViewRatios,
    apply_view,
    choose_view,
    draw_views,
    kept_by_crop,
    make_sequence_views,
)
from common.distributed.draws import keyed_generator

RATIOS = ViewRatios()


def batch(seed: int, size: int = 64, length: int = 12):
    generator = keyed_generator(seed)
    lengths = torch.randint(1, length + 1, (size,), generator=generator)
    # Distinct items, so that each can be followed through a view.
    items = torch.stack([torch.randperm(99, generator=generator)[:length] + 1 for _ in lengths])
    items[torch.arange(length) >= lengths[:, None]] = 0
    return items, lengths, draw_views(size, length, generator)


def choices_of(seed: int, view: int = 0):
    items, lengths, draws = batch(seed)
    choices = choose_view(draws, view, lengths, RATIOS)
    return items, lengths, choices, *apply_view(items, lengths, choices)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), view=st.integers(0, 1))
def test_each_operator_does_what_it_says(seed, view):
    items, lengths, choices, made, made_lengths = choices_of(seed, view)
    for row in range(len(items)):
        length = int(lengths[row])
        before, after = items[row, :length].tolist(), made[row].tolist()
        operator = int(choices.operator[row])
        assert after[int(made_lengths[row]) :] == [0] * (12 - int(made_lengths[row]))
        if operator == NONE:
            assert length == 1 and made[row].equal(items[row])
        elif operator == CROP:
            keep = int(made_lengths[row])
            assert keep == max(length // 2, 1)
            assert after[:keep] in [before[s : s + keep] for s in range(length - keep + 1)]
        elif operator == MASK:
            assert after[:length].count(0) == length // 2
            assert all(a in (0, b) for a, b in zip(after, before, strict=False))
        elif operator == REORDER:
            window, start = int(0.8 * length), int(choices.start[row])
            assert sorted(after[:length]) == sorted(before)
            assert 0 <= start <= length - window
            outside = [p for p in range(length) if not start <= p < start + window]
            assert all(after[p] == before[p] for p in outside)


def test_the_two_operators_differ_and_every_ordered_pair_occurs():
    lengths = torch.full((4000,), 8)
    draws = draw_views(4000, 8, keyed_generator(0))
    first, second = (choose_view(draws, view, lengths, RATIOS).operator for view in (0, 1))
    assert not (first == second).any()
    share = torch.bincount(first * 3 + second, minlength=9)[[1, 2, 3, 5, 6, 7]] / 4000
    assert torch.allclose(share, torch.full((6,), 1 / 6), atol=0.03)


def test_starts_and_masks_are_uniform():
    lengths = torch.full((20000,), 6)
    draws = draw_views(20000, 6, keyed_generator(1))
    choices = choose_view(draws, 0, lengths, RATIOS)
    starts = torch.bincount(choices.start[choices.operator == CROP], minlength=4)
    assert torch.allclose(starts / starts.sum(), torch.full((4,), 0.25), atol=0.02)
    masked = choices.masked[choices.operator == MASK].double().mean(dim=0)
    assert torch.allclose(masked, torch.full((6,), 0.5).double(), atol=0.03)
    # A window of 4 of 6: each of its 24 orders is as likely.
    window = choices.order[(choices.operator == REORDER) & (choices.start == 0)][:, :4]
    kinds = window.unique(dim=0, return_counts=True)[1]
    assert len(kinds) == 24 and kinds.max() < 2 * kinds.min()


def test_rows_of_a_global_batch_get_the_same_views_on_any_number_of_processes():
    items, lengths, draws = batch(3)
    whole, whole_lengths = make_sequence_views(items, lengths, draws, RATIOS)
    halves = [
        make_sequence_views(items[r : r + 32], lengths[r : r + 32], draws.rows(r, 32), RATIOS)
        for r in (0, 32)
    ]
    assert torch.cat([views for views, _ in halves], dim=1).equal(whole)
    assert torch.cat([length for _, length in halves], dim=1).equal(whole_lengths)


def test_padding_width_does_not_change_what_is_kept():
    items, lengths, draws = batch(4)
    wide = torch.nn.functional.pad(items, (0, 5))
    choices = choose_view(draws, 0, lengths, RATIOS)
    pad = {"masked": torch.nn.functional.pad(choices.masked, (0, 5))}
    tail = torch.arange(12, 17).expand(len(items), 5)
    wide_choices = choices._replace(order=torch.cat((choices.order, tail), dim=1), **pad)
    narrow, narrow_lengths = apply_view(items, lengths, choices)
    wider, wider_lengths = apply_view(wide, lengths, wide_choices)
    assert wider[:, :12].equal(narrow) and wider_lengths.equal(narrow_lengths)


@pytest.mark.parametrize(("ratio", "kept"), [(0.5, [0, 1, 1, 2, 2]), (0.8, [0, 0, 0, 0, 1])])
def test_only_a_drawn_crop_never_leaves_nothing(ratio, kept):
    lengths = torch.arange(1, 6)
    assert kept_by_crop(lengths, ratio).tolist() == kept
    items = torch.ones(5, 5, dtype=torch.int64).tril()
    for view in (0, 1):
        draws = draw_views(5, 5, keyed_generator(view))._replace(pair=torch.full((5,), 0.1))
        choices = choose_view(draws, view, lengths, ViewRatios(crop=ratio))
        assert choices.kept.tolist() == [max(k, 1) for k in kept]
        assert apply_view(items, lengths, choices)[0].any(dim=1).all()
