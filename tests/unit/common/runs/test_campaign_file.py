import pytest

from common.errors import UsageError
from common.runs.campaign_file import deadline_of, read_campaign


@pytest.mark.parametrize(
    ("text", "seconds"), [("45s", 45), ("90m", 5400), ("2h", 7200), ("1.5h", 5400), ("0s", 0)]
)
def test_a_budget_has_a_unit(text, seconds, monkeypatch):
    monkeypatch.setattr("time.monotonic", lambda: 1.0)
    assert deadline_of(text) == 1 + seconds and deadline_of(None) is None


@pytest.mark.parametrize("text", ["90", "2 h", "h", "-1h", "1h30m", "2d", "", ".5h", "1e3s"])
def test_a_budget_without_one_is_refused(text):
    with pytest.raises(UsageError, match="write a number with s, m or h"):
        deadline_of(text)


def test_a_campaign_goes_seed_by_seed_through_the_arms(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "arms: [swav/quick, 'swav/quick:hard-codes']\nseeds: [0, 7]\n"
        "overrides: [trainer.epochs=2, tracking.mode=disabled]\n"
    )
    found = read_campaign(path)
    assert found.name == "mine"
    assert [(r.variant, r.seed) for r in found.recipes] == [
        (None, 0),
        ("hard-codes", 0),
        (None, 7),
        ("hard-codes", 7),
    ]
    assert {recipe.trainer.epochs for recipe in found.recipes} == {2}


def test_a_seed_may_have_zeros_before_it_as_on_the_command_line(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("arms: [swav/quick]\nseeds: [00, 01, '2']\n")
    assert [recipe.seed for recipe in read_campaign(path).recipes] == [0, 1, 2]


def test_an_arm_has_words_of_its_own_beside_those_of_all(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "arms: [swav/quick, swav/quick:hard-codes  optimizer.lr=0.5 method.epsilon=0.1]\n"
        "seeds: [0]\noverrides: [evaluation.split=val, optimizer.lr=0.25]\n"
    )
    plain, own = read_campaign(path).recipes
    assert (plain.optimizer.lr, own.optimizer.lr, own.method.epsilon) == (0.25, 0.5, 0.1)
    assert {plain.evaluation.split, own.evaluation.split} == {"val"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("arms: [swav/quick]", "mine.yaml"),
        ("seeds: [0]", "mine.yaml.*arms"),
        ("arms: []\nseeds: [0]", "mine.yaml.*arms"),
        ("", "mine.yaml"),
        ("arms: [swav/quick]\nseeds: [0]\nseed: 1", 'mine.yaml.*"seed"'),
        (
            "arms: [swav/quick]\nseeds: [0]\noverrides: [optimizer.lrr=1]",
            "mine.yaml.*swav/quick.*'optimizer.lrr'.*'optimizer.lr'",
        ),
        ("arms: [swav/quick]\nseeds: [a]", "mine.yaml"),
        ("arms: [swav/quick seed=3]\nseeds: [0]", "mine.yaml: swav/quick seed=3: seed: .* seeds"),
        ("arms: [swav/quick]\nseeds: [0]\noverrides: [seed=3]", "swav/quick: seed: .* seeds"),
        ("arms: [swav/quick, swav/quik]\nseeds: [0]", "'quick'"),
        ("[]", "must hold a mapping"),
        ("arms: swav/quick\nseeds: [0]", "mine.yaml.*arms"),
        ("arms: [1]\nseeds: [0]", "mine.yaml.*arms"),
        ("arms: [true]\nseeds: [0]", r"mine.yaml.*arms.*\[true\]$"),
        ("arms: [swav/quick]\nseeds: ['0 x: [']", r'mine.yaml.*\["0'),
        ("arms: [swav/quick]\nseeds: [0, true]", r"mine.yaml.*\[0"),
        ("arms: [swav/quick]\nseeds: [-1]", r"mine.yaml.*\[-1\]"),
        (f"arms: [swav/quick]\nseeds: [0x{'f' * 5000}]", "mine.yaml"),
        ("arms: [./none.yaml]\nseeds: [0]", "mine.yaml.*./none.yaml"),
        ("arms: [swav/quick]\nseeds: [1, 01]", "mine.yaml: seeds: 1 is named twice"),
        ("arms: [swav/quick, swav/quick]\nseeds: [0]", "arms: swav/quick is named twice"),
        ("arms: [swav/quick]\nseeds: 5", "mine.yaml.*seeds.*5"),
        ("arms: [swav/quick]\nseeds: [.nan]", "mine.yaml.*seeds"),
        ("arms: [swav/quick]\nseeds: [0]\noverrides: seed=1", "mine.yaml.*overrides"),
        ("arms: [swav/quick]\nseeds: [0]\noverrides: [{a: 1}]", "mine.yaml.*overrides"),
    ],
)
def test_a_broken_campaign_is_refused_before_anything_runs(text, message, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        read_campaign(path)


def test_a_missing_file_is_bad_usage(tmp_path):
    with pytest.raises(UsageError, match=r"none\.yaml"):
        read_campaign(tmp_path / "none.yaml")
