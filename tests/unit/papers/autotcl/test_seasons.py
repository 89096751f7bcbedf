import pytest
import torch

from common.data.series.config import SeriesConfig
from papers.autotcl.readers.seasons import KINDS, LONGEST, SHORTEST, seasons


@pytest.mark.parametrize("name", sorted(KINDS))
def test_what_is_hidden_is_known(name):
    found = seasons(SeriesConfig(name=name))
    noise, train = KINDS[name], slice(*found.parts[0])
    assert found.values.shape == (7_200, 1) and found.parts == (
        (0, 4320),
        (4320, 5760),
        (5760, 7200),
    )
    assert abs(float(found.clean[train].mean())) < 1e-9
    assert float(found.clean[train].std(correction=0)) == pytest.approx(1)
    hidden = ~found.informative
    assert noise.share <= float(hidden.double().mean()) < noise.share + LONGEST / 7_200
    gap = found.values[:, 0] - found.clean
    assert not gap[found.informative].any()
    burst = gap[hidden] if noise.added else found.values[hidden, 0]
    assert float(burst.std()) == pytest.approx(noise.deviation, rel=0.05)
    # Noise that replaces the signal knows nothing of it.
    if not noise.added:
        known = torch.corrcoef(torch.stack([burst, found.clean[hidden]]))[0, 1]
        assert abs(known) < 0.05


def test_stretches_have_the_stated_lengths():
    found = seasons(SeriesConfig(name="seasons-loud"))
    changes = found.informative.int().diff().nonzero()[:, 0]
    lengths = changes.diff()[0 if found.informative[0] else 1 :: 2]
    # Stretches may touch, but a single one is never shorter than the shortest.
    assert lengths.min() >= SHORTEST and lengths.float().median() <= LONGEST


def test_it_has_a_day_and_is_the_same_each_time():
    first, again = (seasons(SeriesConfig(name="seasons-quiet")) for _ in range(2))
    assert torch.equal(first.values, again.values)
    power = torch.fft.rfft(first.clean).abs()
    strongest = 7_200 / int(power[200:400].argmax() + 200)
    assert strongest == pytest.approx(24, rel=0.02)
    shorter = seasons(SeriesConfig(name="seasons-quiet", num_steps=1_000))
    assert shorter.parts[-1] == (800, 1_000)
