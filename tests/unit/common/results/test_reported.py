import pytest

from common.config.recipe import load_recipe, recipe_from_dict
from common.errors import ConfigError
from common.results.record import NO_NUMBER
from common.results.reported import (
    Entry,
    ReportedNumber,
    load_all_reported,
    load_reported,
    scaled_reason,
)

GOOD = """
results:
  - arm: method
    recipe: acm
    data: acm
    protocol: nodes
    origin: official code, run by us
    source: https://example.org/code
    commit: 1234567
    command: python main.py --seed 0
    verified: true
    metrics:
      test/f1: {value: 91.3, spread: 0.4, n: 3, margin: 1.0}
      test/nmi: {value: 40.5, margin: 5.0}
"""


@pytest.fixture
def write(tmp_path):
    def put(text):
        path = tmp_path / "papers" / "meow" / "reported.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return put


def test_a_good_file(write, tmp_path):
    write(GOOD)
    (entry,) = load_all_reported(tmp_path)
    assert (entry.paper, entry.reference, entry.weights) == ("meow", "meow/acm", "trained")
    assert entry.metrics["test/f1"].spread == 0.4
    assert entry.metrics["test/nmi"].spread is None


def test_a_text_of_what_was_checked_is_of_the_metrics_that_its_key_names(write):
    texts = "    checks:\n      test/f1, test/nmi: The seed.\n    metrics:"
    (entry,) = load_reported(write(GOOD.replace("    metrics:", texts)))
    assert entry.checks == {"test/f1": "The seed.", "test/nmi": "The seed."}
    (entry,) = load_reported(write(GOOD))
    assert entry.checks == {}


def test_a_file_without_numbers_yet(write):
    assert load_reported(write("results: []")) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("arm: method", "arm: methods", "arm: must be method, ablation/<name>"),
        ("arm: method", "armm: method", "unknown key 'armm'; did you mean 'arm'"),
        ("    recipe: acm\n", "", "recipe: missing"),
        ("verified: true", "verified: yes please", "verified: must be bool"),
        ("    command: python main.py --seed 0\n", "", "command: needed when the origin is"),
        ("    commit: 1234567\n", "", "commit: needed when the origin is"),
        ("official code, run by us", "a friend", "origin: must be one of"),
        ("official code, run by us", "paper", "table: needed when the origin is 'paper'"),
        ("official code, run by us", "authors' repository", None),
        ("official code, run by us", "third party", None),
        ("official code, run by us\n    source: https://example.org/code", "third party", "source"),
        ("margin: 1.0", "margin: 0", "test/f1: margin: "),
        (", margin: 1.0", "", "test/f1: margin: "),
        (", n: 3", "", "test/f1: spread: needs n"),
        ("n: 3", "n: 1", "test/f1: spread: needs n"),
        ("value: 91.3", "value: '91'", "test/f1: value: must be"),
        ("test/f1:", "f1:", "starts with test/ or val/"),
        ("recipe: acm", "weights: published\n    recipe: acm", "spread: published weights give"),
        ("recipe: acm", "paper: swav\n    recipe: acm", "the folder's name says it"),
        ("results:", "reported:", "must hold one key, results"),
        ("    metrics:", "    checks: seen\n    metrics:", "a mapping such as {test/f1: what was"),
        ("    metrics:", "    checks: {test/f2: seen}\n    metrics:", "did you mean 'test/f1'"),
        ("    metrics:", "    checks: {test/f1: ' '}\n    metrics:", "test/f1: must say what was"),
        ("    metrics:", "    checks: {test/f1: 1}\n    metrics:", "what was checked, got 1"),
        (
            "    metrics:",
            "    checks: {test/f1: a, 'test/nmi, test/f1': b}\n    metrics:",
            "checks: test/f1: stands here twice",
        ),
    ],
)
def test_a_mistake_is_named_with_its_entry(write, old, new, message):
    assert old in GOOD
    path = write(GOOD.replace(old, new))
    if message is None:
        assert len(load_reported(path)) == 1
        return
    with pytest.raises(ConfigError, match=r"reported\.yaml: ") as caught:
        load_reported(path)
    assert message in str(caught.value)


@pytest.mark.parametrize("metrics", ["{}", "[]", "{test/f1: 0.5}"])
def test_metrics_must_be_a_mapping_of_mappings(write, metrics):
    head = GOOD[: GOOD.index("    metrics:")]
    with pytest.raises(ConfigError, match="must be a mapping"):
        load_reported(write(f"{head}    metrics: {metrics}\n"))


def reported_for(ours, **changes):
    values = {
        "paper": ours.paper,
        "arm": ours.arm,
        "recipe": ours.recipe,
        "data": ours.data.name,
        "protocol": ours.evaluation.protocols[-1],
        "origin": "paper",
        "verified": True,
        "metrics": {"test/x": ReportedNumber(value=1.0, margin=0.1)},
    }
    return Entry(**{**values, **changes})


def test_a_recipe_as_written_is_comparable_where_a_number_is_reported():
    recipe = load_recipe("swav/quick", ["seed=7", "trainer.threads=1", "tracking.mode=disabled"])
    assert scaled_reason(recipe, [reported_for(recipe)]) is None
    assert scaled_reason(recipe, []) == NO_NUMBER
    for other in ({"recipe": "x"}, {"variant": "x"}, {"data": "x"}, {"protocol": "x"}):
        assert scaled_reason(recipe, [reported_for(recipe, **other)]) == NO_NUMBER


def test_a_protocol_that_the_paper_does_not_declare_is_a_change_of_the_protocols_alone():
    recipe = load_recipe("swav/quick", ["evaluation.protocols=[clustering]"])
    reason = "the recipe was changed: evaluation.protocols"
    assert scaled_reason(recipe, [reported_for(recipe)]) == reason


def test_what_was_changed_by_hand_is_named_even_after_a_resume():
    recipe = load_recipe("swav/quick", ["trainer.epochs=77", "optimizer.lr=0.123"])
    reason = "the recipe was changed: optimizer.lr, trainer.epochs"
    assert scaled_reason(recipe, [reported_for(recipe)]) == reason
    resumed = recipe_from_dict(recipe.to_dict(), "config.yaml")
    assert scaled_reason(resumed, [reported_for(recipe)]) == reason
