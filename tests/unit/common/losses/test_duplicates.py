"""Equal texts that are no negatives: against plain sums, on one process and on two."""

import pytest
import torch
import torch.nn.functional as F

from common.distributed.collectives import rank, world_size
from common.losses import clip
from common.losses.clip import clip_loss
from common.losses.duplicates import token_keys
from papers.simcse.loss import global_contrast
from papers.whitenedcse.loss import multi_positive
from tests.gloo import assert_equal_to_one_process

SCALE = torch.tensor(2.0, dtype=torch.float64)
# Rows 0, 2 and 5 have one caption; row 4's strong caption is row 1's weak one.
KEYS = torch.tensor([[7, 1], [8, 2], [7, 3], [9, 4], [5, 8], [7, 6]])
EXTRA_KEYS = torch.tensor([7, 99, 9, 8])  # hard captions, three of which are captions of the batch
# Texts of triplets: equal anchors, an equal positive, a hard negative that is a positive.
TRIPLETS = torch.tensor(
    [[1, 10, 20], [1, 11, 21], [2, 12, 10], [3, 12, 23], [4, 14, 2], [5, 15, 25]]
)


def draw(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def plain(scores, columns, smoothing=0.0):
    """Row by row: the positive of row i is column i, and ``columns[i]`` are those that count."""
    losses = []
    for i, kept in enumerate(columns):
        logs = scores[i] - scores[i, kept].exp().sum().log()
        losses.append(-((1 - smoothing) * logs[i] + smoothing * logs[kept].mean()))
    return torch.stack(losses).mean()


def kept(own, others):
    """Of each row, its own column and those that share no key; ``own`` and ``others`` are sets."""
    return [
        [c for c, other in enumerate(others) if c == r or not mine & other]
        for r, mine in enumerate(own)
    ]


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("chunk", [1, 4, 512])
def test_clip_leaves_equal_texts_out_of_the_sum(monkeypatch, chunk, smoothing):
    monkeypatch.setattr(clip, "CHUNK_ROWS", chunk)
    u, v, extra = draw(16, 5).split([6, 6, 4])
    ours, theirs = ([x.clone().requires_grad_() for x in (u, v, extra)] for _ in range(2))
    found = clip_loss(
        *ours[:2], SCALE, ours[2], smoothing, 0.3, keys=KEYS, extra_keys=EXTRA_KEYS
    ).total
    images, captions, hard = (F.normalize(x, dim=1) for x in theirs)
    scores = SCALE.exp() * images @ torch.cat([captions, hard]).T
    sets, hard_sets = [set(row) for row in KEYS.tolist()], [{key} for key in EXTRA_KEYS.tolist()]
    to_text = plain(scores, kept(sets, sets + hard_sets), smoothing)
    to_image = plain(scores[:, :6].T, kept(sets, sets), smoothing)
    expected = 0.3 * to_text + 0.7 * to_image
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)
    found.backward(), expected.backward()
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine.grad, other.grad, rtol=1e-10, atol=1e-14)


def test_triplets_lose_what_shares_a_text_with_the_pair():
    z = draw(3, 6, 5)
    found = global_contrast(z, 0.1, 0.5, "exact", TRIPLETS)
    anchors, positives, hard = F.normalize(z, dim=2)
    scores = torch.cat([anchors @ positives.T, anchors @ hard.T], 1) / 0.1
    scores = scores + 0.5 * F.pad(torch.eye(6, dtype=torch.float64), (6, 0))
    pairs = [set(row[:2]) for row in TRIPLETS.tolist()]
    columns = pairs + [{row[2]} for row in TRIPLETS.tolist()]
    torch.testing.assert_close(found, plain(scores, kept(pairs, columns)), rtol=1e-12, atol=0)


def test_sentences_that_are_equal_are_no_negatives():
    z, keys = draw(3, 6, 5), KEYS[:, :1]
    anchors, *views = F.normalize(z, dim=2)
    columns = kept(*[[set(row) for row in keys.tolist()]] * 2)
    sums = [plain(anchors @ view.T / 0.1, columns) for view in views]
    torch.testing.assert_close(multi_positive(z, 0.1, keys), sum(sums), rtol=1e-12, atol=0)
    torch.testing.assert_close(
        global_contrast(z[:2], 0.1, 0.0, "published", keys), sums[0], rtol=1e-12, atol=0
    )


def losses(keys, triplets):
    """The losses and their gradients of this process's share of the batch."""
    share = slice(rank() * 6 // world_size(), (rank() + 1) * 6 // world_size())
    extra = slice(rank() * 4 // world_size(), (rank() + 1) * 4 // world_size())
    u, v, hard = draw(16, 5).split([6, 6, 4])
    clips = [x.clone().requires_grad_() for x in (u[share], v[share], hard[extra])]
    z = draw(3, 6, 5)[:, share].clone().requires_grad_()
    own, words = keys[share], triplets[share]
    told = {"keys": own, "extra_keys": EXTRA_KEYS[extra]}
    yield clip_loss(*clips[:2], SCALE, clips[2], 0.2, **told).total, clips
    yield global_contrast(z, 0.1, 0.5, "exact", words), [z]
    yield multi_positive(z, 0.1, own[:, :1]), [z]


def of_all_processes():
    """Each loss and the gradients of all rows, as averages over processes."""
    from common.distributed.collectives import all_reduce_sum, gather

    found = []
    for loss, leaves in losses(KEYS, TRIPLETS):
        grads = torch.autograd.grad(loss, leaves)
        rows = [g if g.ndim == 2 else g.transpose(0, 1) for g in grads]
        whole = {f"g{n}": gather(g.contiguous()) / world_size() for n, g in enumerate(rows)}
        found.append({"loss": all_reduce_sum(loss) / world_size(), **whole})
    return found


def test_two_processes_equal_one():
    assert_equal_to_one_process(of_all_processes)


def test_a_batch_of_one_text_alone_has_a_loss_of_nothing_and_no_gradient():
    for loss, leaves in losses(torch.ones_like(KEYS), torch.ones_like(TRIPLETS)):
        assert loss.isfinite()
        assert all(g.isfinite().all() for g in torch.autograd.grad(loss, leaves))
    same = torch.ones(6, 1, dtype=torch.int64)
    z = draw(2, 6, 5).requires_grad_()
    loss = clip_loss(z[0], z[1], SCALE, smoothing=0.2, keys=same).total
    assert loss == 0 and not torch.autograd.grad(loss, z)[0].any()


def test_keys_tell_tokens_and_their_order_and_see_no_padding():
    ids = torch.tensor([[5, 6, 2, 0], [6, 5, 2, 0], [5, 6, 2, 9], [5, 6, 2, 0], [5, 6, 2, 0]])
    mask = torch.tensor([[1, 1, 1, 0]] * 4 + [[1, 1, 1, 1]]).bool()
    first, turned, padded, again, longer = token_keys(ids, mask).tolist()
    assert first == padded == again and len({first, turned, longer}) == 3
    assert token_keys(ids[:, :3], mask[:, :3])[0] == first  # another process pads less
    assert token_keys(ids[:, None], mask[:, None]).shape == (5, 1)


def test_keys_of_many_short_texts_differ():
    ids = torch.cartesian_prod(*[torch.arange(60)] * 3)
    keys = token_keys(ids, torch.ones_like(ids, dtype=torch.bool))
    assert len(keys.unique()) == len(ids)
