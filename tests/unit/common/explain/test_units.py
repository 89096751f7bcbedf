"""Inputs in units: what is explained is the module's own score."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from rich.console import Console

from common.cli.explain import explain_run
from common.config.recipe import load_recipe
from common.errors import UsageError
from common.explain.attribution import attribute
from common.explain.show import in_colour, page, plot
from common.explain.units import KINDS, ClickUnits, PairUnits, TextUnits, is_place
from common.paper import get_paper
from common.plots.style import to_png
from common.runs.run import prepare_run

CASES = {
    "defsent_plus/quick": ("meaning1a filler0 meaning2b", "meaning1c meaning3a"),
    "mclrec/quick": ("test:3", None),
    "autotcl/quick": ("test:500", "test:332"),
    "negclip/quick": ("a red ring left-of a blue square on night in coal", "test:1"),
    "swav/quick": ("test:0", "test:1"),
}


@pytest.fixture(scope="module", params=CASES)
def units(request):
    recipe = load_recipe(request.param)
    experiment = prepare_run(recipe, training_follows=False)
    experiment.module.eval()
    kind = KINDS[get_paper(recipe.paper).data_kind]
    return kind(experiment.data, experiment.module, "a run"), CASES[request.param]


def test_a_score_is_that_of_the_input_and_moves_with_each_unit(units):
    kind, (given, other) = units
    explained = kind.explain(given, other)
    score = explained.score(explained.x[None])
    assert 0 <= float(score) <= 1
    # A batch is scored as its rows are, and what is of no unit is never replaced.
    chosen = torch.ones(2, len(explained.names), dtype=torch.bool)
    chosen[0] = False
    both = explained.replaced(chosen, explained.draw(torch.Generator().manual_seed(0), 2))
    assert torch.equal(both[0], explained.x)
    kept = explained.place == len(explained.names)
    assert torch.equal(both[1][kept], explained.x[kept])
    torch.testing.assert_close(explained.score(both)[:1], score, rtol=1e-4, atol=1e-6)
    assert not torch.equal(both[1], explained.x)
    with pytest.raises(UsageError):
        kind.explain(" ", other)


def test_what_is_said_of_words_is_the_cosine_of_their_texts(units):
    kind, (given, other) = units
    if type(kind).__name__ != "TextUnits":
        pytest.skip("another kind of data")
    store = kind.data.tokenizer.encode([given, other])
    ids, mask = store.gather(np.arange(2), 64)
    with torch.no_grad():
        pair = kind.module.embed(ids, mask)
    explained = kind.explain(given, other)
    cosine = torch.nn.functional.cosine_similarity(*pair, dim=0)
    found = 2 * explained.score(explained.x[None]) - 1
    torch.testing.assert_close(found[0], cosine, rtol=1e-4, atol=1e-5)
    assert explained.place[:, 0].tolist() == [3, 0, 1, 2, 3]


def test_each_kind_of_data_is_shown(units):
    kind, (given, other) = units
    explained = kind.explain(given, other)
    found = {name: values.numpy() for name, values in attribute(explained).items()}
    assert {len(values) for values in found.values()} == {len(explained.names)}
    assert explained.names[0] in str(in_colour(explained.names, found["reagent"]))
    assert "<script" not in page(explained, found, "<script>")
    assert to_png(plot(explained, found, "title"))[:4] == b"\x89PNG"


def test_what_matters_is_known_of_generated_sets_and_has_its_place(units):
    kind, _ = units
    known = kind.known()
    assert bool(known) == (type(kind).__name__ in ("TextUnits", "PairUnits", "SeriesUnits"))
    # Samples of which all or nothing matters are left out where the accuracy is measured.
    telling = [sample for sample in known if 0 < sample.truth.mean() < 1]
    assert len(telling) >= len(known) / 2
    for sample in telling[:2]:
        assert len(sample.truth) == len(kind.of_known(sample).names)


def test_a_text_may_be_a_row_of_a_file_or_of_the_test_part(tmp_path):
    class Said(TextUnits):
        def vector(self, text):
            return text

        def words(self, text, other, title):
            return text, other, title

    path = tmp_path / "lines.txt"
    path.write_text("a cat\na dog\n")
    graded = {"test": SimpleNamespace(columns=(["one", "two"], ["three", "four"]))}
    units = Said(SimpleNamespace(set=SimpleNamespace(graded=graded, held_out={})), None, "a run")
    assert units.explain(f"{path}:1", "test:0") == ("a dog", "one", '"one"')
    assert units.explain("at 3:4", f"{path}:0") == ("at 3:4", "a cat", '"a cat"')
    with pytest.raises(UsageError, match="choose one of 0 to 1"):
        units.explain(f"{path}:2", "a cat")
    with pytest.raises(UsageError, match="or test:ROW, a user"):  # not the run's own user 0
        ClickUnits(SimpleNamespace(), None, "a run").items(f"{path}:0", {})


@pytest.mark.parametrize(
    ("given", "numbers"),
    [("a b", [1, 2]), ("a, item 3", [1, 3]), ("item 3", [3]), ("item 3,item 3", [3, 3])],
)
def test_items_stand_between_blanks_or_commas(given, numbers):
    units = ClickUnits(SimpleNamespace(), None, "a run")
    assert units.items(given, {"a": 1, "b": 2, "item 3": 3}) == numbers


def test_what_cannot_be_shown_is_refused_before_a_run_is_loaded(tmp_path, monkeypatch):
    run = SimpleNamespace(read_recipe=lambda: load_recipe("swav/quick"))
    monkeypatch.setattr("common.cli.explain.open_run", lambda _path: run)
    for out, given, other, samples in (
        ("a.gif", "test:0", None, 50),
        ("a.png", None, None, 50),
        (None, None, "test:1", 50),
        (None, None, None, 1),
    ):
        path = out and tmp_path / out
        with pytest.raises(UsageError):
            explain_run(tmp_path, given, other, path, samples, False, Console(quiet=True))


def test_two_images_are_not_a_caption_and_an_image():
    with pytest.raises(UsageError, match="test:3 --with test:5: give a caption in quotes"):
        PairUnits(SimpleNamespace(), None, "a run").explain("test:3", "test:5")


def test_a_long_text_that_ends_like_a_row_is_a_text():
    assert not is_place("we meet as we always do, " * 20 + "at 10:30")
