"""OW-Forge-20: deterministic, independent of order, and as its description says."""

import io
import sys

import numpy as np
import pytest
import torch
from rich.console import Console

from common.config.checkout import SOURCE_ROOT
from common.data.catalogue.verify import verify
from common.data.targets.open_world.samples import LABELLED, UNLABELLED
from common.errors import DataError
from common.results.record import SAME_DATA, load_records
from papers.owdfa_cpl.readers import ow_forge_20 as standin
from papers.owdfa_cpl.readers.ow_forge_20 import load_pools, ow_forge_20
from papers.owdfa_cpl.readers.sanity import NETWORK, PIXELS, raw_pixel_accuracy
from papers.owdfa_cpl.standin import generate
from papers.owdfa_cpl.standin.carriers import draw_carrier, render_carrier
from papers.owdfa_cpl.standin.filters import (
    SIDE,
    compress,
    down,
    from_blocks,
    linear,
    nearest,
    sample,
    to_blocks,
)
from papers.owdfa_cpl.standin.forgeries import FORGERIES
from papers.owdfa_cpl.standin.generate import Counts, Preset, make_images
from tests.system.quick import run_ready

TINY = Preset(Counts(2, 1, 1), Counts(0, 2, 1), Counts(3, 1, 1), Counts(0, 1, 1))


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setitem(generate.PRESETS, "small", TINY)
    return tmp_path / "likewise" / "generated"


def test_a_image_depends_on_its_key_alone():
    many, one = (
        make_images(9, 0, range(3), 7, load_pools()),
        make_images(9, 0, range(2, 3), 7, load_pools()),
    )
    np.testing.assert_array_equal(many[2:], one)
    for other in (
        make_images(9, 0, range(2, 3), 8, load_pools()),
        make_images(9, 1, range(2, 3), 7, load_pools()),
    ):
        assert (other != one).mean() > 0.5


@pytest.mark.parametrize("number", range(len(FORGERIES)), ids=lambda n: FORGERIES[n].name)
def test_every_class_makes_a_image_of_its_own(number):
    image = make_images(number, 0, range(1), 2000, load_pools())
    assert image.shape == (1, 3, SIDE, SIDE) and image.dtype == np.uint8
    assert 5 < image.std() < 120


def test_only_identity_swaps_need_a_donor_and_each_forgery_leaves_a_trace():
    pool = load_pools()["train"]
    generator = np.random.default_rng(0)
    x, donor = (render_carrier(draw_carrier(generator, pool), pool) for _ in range(2))
    for forgery in FORGERIES:
        made = forgery.make(x.copy(), donor if forgery.needs_donor else None, generator)
        assert made.shape == x.shape and np.isfinite(made).all()
        changed = np.abs(made - x).mean()
        assert (changed == 0) == (forgery.name == "real_a"), forgery.name


def test_local_traces_leave_the_rest_of_the_image_alone():
    pool, generator = load_pools()["train"], np.random.default_rng(0)
    x = render_carrier(draw_carrier(generator, pool), pool)
    for forgery in FORGERIES:
        if forgery.family == "expression transfer":
            change = np.abs(forgery.make(x.copy(), None, generator) - x).sum(axis=2)
            assert change[:4].max() < 1e-3 < change[40:50, 26:38].max(), forgery.name


def test_carriers_of_train_and_test_share_no_face_and_no_photograph():
    pools = load_pools()
    train, test = pools["train"], pools["test"]
    assert (len(train.faces), len(test.faces)) == (70, 30)
    distance = np.abs(train.faces[:, None] - test.faces).mean(axis=(2, 3))
    assert distance.min() > 0
    for left, right in zip(train.details, test.details, strict=True):
        assert left.shape[1] / (left.shape[1] + right.shape[1]) == pytest.approx(0.7, abs=0.01)
        assert min(right.shape[:2]) >= SIDE


def test_labels_have_known_classes_first(tiny):
    found = ow_forge_20("small", with_real=True, seed=5)
    names = {forgery.name: forgery for forgery in FORGERIES}
    assert [names[name].known for name in found.class_names] == [True] * 9 + [False] * 13
    assert found.class_names[8] == "real_a" and found.num_known == 9
    labels, tags = found.train.labels, found.train.tags
    assert ((labels < 9) | (tags == UNLABELLED)).all()
    assert int((tags == LABELLED).sum()) == 8 * 2 + 3
    assert len(labels) == 8 * 3 + 12 * 2 + 4 + 1 and len(found.test.labels) == 22
    without = ow_forge_20("small", with_real=False, seed=5)
    assert without.num_known == 8 and not {"real_a", "real_b"} & set(without.class_names)


def test_it_is_made_once_and_read_back_the_same(tiny, monkeypatch):
    first = ow_forge_20("small", with_real=False, seed=5)
    key = standin.cache_key("small", False, 5)
    assert [path.name for path in tiny.iterdir()] == [f"ow-forge-20-{key}.npz"]
    monkeypatch.setattr(standin, "generate", lambda *_: pytest.fail("made again"))
    again = ow_forge_20("small", with_real=False, seed=5)
    assert torch.equal(first.train.images, again.train.images)
    assert torch.equal(first.test.labels, again.test.labels)


def test_a_damaged_file_is_made_anew(tiny):
    first = ow_forge_20("small", with_real=False, seed=5)
    (path,) = tiny.iterdir()
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.warns(UserWarning, match="is not used"):
        again = ow_forge_20("small", with_real=False, seed=5)
    assert torch.equal(first.train.images, again.train.images)


@pytest.mark.parametrize("altered", ["train_images", "test_labels", "sha256"])
def test_an_altered_file_is_made_anew(tiny, altered):
    first = ow_forge_20("small", with_real=False, seed=5)
    (path,) = tiny.iterdir()
    arrays = dict(np.load(path))
    arrays[altered] = arrays[altered][::-1] if arrays[altered].ndim else np.array("0" * 64)
    np.savez(path, **arrays)
    with pytest.warns(UserWarning, match=r"the hash beside its arrays is not theirs"):
        again = ow_forge_20("small", with_real=False, seed=5)
    assert torch.equal(first.train.images, again.train.images)
    assert torch.equal(first.test.labels, again.test.labels)


@pytest.mark.parametrize("lacking", ["sha256", "train_images"])
def test_a_file_of_an_earlier_version_is_made_anew(tiny, lacking):
    ow_forge_20("small", with_real=False, seed=5)
    (path,) = tiny.iterdir()
    arrays = dict(np.load(path))
    np.savez(path, **{name: array for name, array in arrays.items() if name != lacking})
    with pytest.warns(UserWarning, match="by an earlier version"):
        ow_forge_20("small", with_real=False, seed=5)


def test_a_folder_that_cannot_be_written_costs_the_cache_only(tiny, monkeypatch):
    tiny.parent.mkdir(parents=True)
    tiny.write_text("a file where the folder should be")
    with pytest.warns(UserWarning, match="not kept"):
        assert len(ow_forge_20("small", with_real=False, seed=5).train.labels) == 48


def test_faces_of_the_data_root_split_by_person(tiny, tmp_path):
    generator, place = np.random.default_rng(0), tmp_path / "faces_att"
    place.mkdir()
    images = generator.integers(0, 256, (20, 112, 92)).astype(np.uint8)
    np.savez(place / "att_faces.npz", images=images, subject=np.arange(20) // 2 + 1)
    pools = load_pools("att", str(tmp_path))
    assert (len(pools["train"].faces), len(pools["test"].faces)) == (14, 6)
    square = images[0, 10:102].astype(float)
    middle = square[37:55, 37:55].mean() / 255
    assert pools["train"].faces[0].shape == (25, 25)
    assert pools["train"].faces[0][10:15, 10:15].mean() == pytest.approx(middle, abs=0.02)
    found = ow_forge_20("small", False, 5, "att", str(tmp_path))
    other = ow_forge_20("small", False, 5)
    assert found.fingerprint != other.fingerprint
    assert not torch.equal(found.train.images, other.train.images)


def test_without_those_faces_it_says_where_to_get_them(tiny, tmp_path):
    with pytest.raises(DataError, match="faces-att"):
        ow_forge_20("small", False, 5, "att", str(tmp_path / "nowhere"))


def test_the_key_changes_with_whatever_decides_the_pixels(monkeypatch):
    cases = [("small", False, 1), ("small", True, 1), ("large", False, 1), ("small", False, 2)]
    keys = {standin.cache_key(*case) for case in (*cases, ("small", False, 1, "att"))}
    monkeypatch.setattr(standin, "source_digest", lambda: "of other code")
    assert len(keys | {standin.cache_key("small", False, 1)}) == 6


def test_the_hash_is_of_the_contents(tiny, monkeypatch):
    first = ow_forge_20("small", with_real=False, seed=5)
    monkeypatch.setattr(standin, "source_digest", lambda: "of code that was only renamed")
    assert ow_forge_20("small", with_real=False, seed=5).fingerprint == first.fingerprint
    monkeypatch.setattr(generate, "QUALITY", (50, 60))
    monkeypatch.setattr(standin, "source_digest", lambda: "of code that compresses more")
    assert ow_forge_20("small", with_real=False, seed=5).fingerprint != first.fingerprint


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "before"), [(2000, "e7aaf3583916"), (2001, "6d1469b67813")])
def test_the_first_records_stay_with_the_sets_that_they_were_made_on(
    seed, before, monkeypatch, tmp_path
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert ow_forge_20("standard", False, seed).fingerprint == SAME_DATA[before]


def test_all_records_name_contents():
    records = load_records(SOURCE_ROOT / "results", "owdfa_cpl")
    assert {record.data_hash for record in records} == {*SAME_DATA.values()}


def test_without_scikit_image_it_says_what_to_install(monkeypatch):
    load_pools.cache_clear()
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(DataError, match="standin"):
        load_pools()


def test_verify_tells_the_sanity_figures(tiny, monkeypatch):
    monkeypatch.setitem(generate.PRESETS, "standard", TINY)
    console = Console(file=io.StringIO(), width=200)
    verify("ow-forge-20", None, console)
    text = console.file.getvalue()
    assert "48 training and 20 test images of 20 classes" in text
    assert "pixels: 0.110 as stored, now 1.000" in text, "as many clusters as images"
    assert "small network with all labels: 0.910 as stored" in text


def test_blocks_come_back():
    x = np.random.default_rng(0).random((SIDE, SIDE, 3))
    np.testing.assert_allclose(from_blocks(to_blocks(x, 8), 8), x)
    coefficients = to_blocks(np.ones((SIDE, SIDE, 3)), 4)
    assert coefficients[:, 0, :, 0].min() == pytest.approx(4), "the mean, orthonormal"
    assert np.abs(np.delete(coefficients, 0, axis=1)).max() < 1e-12


def test_quantisation_is_coarser_at_lower_quality_and_counts_per_image():
    x = np.random.default_rng(0).random((1, SIDE, SIDE, 3))
    errors = [
        np.abs(compress(x, np.array([quality])) / 255.0 - x).mean() for quality in (50.0, 90.0, 100)
    ]
    assert errors[0] > 2 * errors[1] > 2 * errors[2]
    both = compress(np.concatenate([x, x]), np.array([50.0, 90.0]))
    np.testing.assert_array_equal(both[1:], compress(x, np.array([90.0])))


def test_enlarging():
    x = np.random.default_rng(0).random((4, 4, 1))
    np.testing.assert_allclose(down(nearest(x), 2), x)
    zeros = np.zeros((8, 8, 1))
    zeros[::2, ::2] = x
    kernel = np.array([1, 3, 3, 1]) / 4
    rows = np.stack([np.convolve(line, kernel)[1:9] for line in zeros[..., 0]])
    whole = np.stack([np.convolve(line, kernel)[1:9] for line in rows.T]).T
    # The even filter stands half a pixel off, and sees nothing beyond the border.
    np.testing.assert_allclose(linear(x)[2:6, 2:6, 0], whole[2:6, 2:6])
    assert linear(x, 3).shape == (32, 32, 1)


def test_sampling_reads_between_pixels_and_repeats_the_border():
    x = np.arange(SIDE, dtype=float)[None, :, None].repeat(SIDE, 0)
    at = np.full((SIDE, SIDE), 2.25)
    np.testing.assert_allclose(sample(x, at, at), 2.25)
    np.testing.assert_allclose(sample(x, at, at + 100), SIDE - 1)


@pytest.mark.slow
def test_the_stand_in_is_neither_trivial_nor_impossible(tmp_path):
    found = ow_forge_20("standard", with_real=False, seed=2000)
    assert raw_pixel_accuracy(found) == pytest.approx(PIXELS, abs=0.01)
    words = ["evaluation.protocols=[head-clusters]"]
    record, _ = run_ready("owdfa_cpl/standin:all-labels", tmp_path, "seed=0", *words)
    assert record.metrics["test/all_acc"] == pytest.approx(100 * NETWORK, abs=3)
    assert record.metrics["test/best_all_nmi"] >= record.metrics["test/all_nmi"]
