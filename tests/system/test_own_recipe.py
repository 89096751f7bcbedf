"""A recipe of the user's own, from its file to its evaluation."""

import json
from pathlib import Path

OWN = """# A recipe of one's own.
paper: swav
data: {name: scattered-digits, batch_size: 64}
method: {backbone: small_conv, num_prototypes: 16, queue_length: 0}
trainer: {epochs: 1, batches: 3, threads: 1, checkpoint_every_batches: 2}
tracking: {mode: disabled, plots: false}
evaluation: {protocols: [knn], references: []}
variants: {warm: {method: {temperature: 0.2}}}
"""


def test_a_recipe_of_ones_own_is_trained_resumed_evaluated_and_told_of(papers):
    Path("mine.yaml").write_text(OWN)
    code, out, err = papers("train", "./mine.yaml:warm")
    assert code == 0, err
    assert "papers train ./mine.yaml:warm seed=1" in out
    (config,) = Path("runs").glob("*/*/*/config.yaml")
    run = config.parent
    assert run.parent == Path("runs/swav/mine-warm")
    record = json.loads((run / "result.json").read_text())
    assert (record["recipe"], record["variant"], record["scaled"]) == ("mine", "warm", True)
    assert "swav/mine:warm" in record["scaled_reason"]

    Path("mine.yaml").unlink()  # a run is gone on with from its folder alone
    (run / "result.json").unlink()
    code, out, err = papers("resume", str(run))
    assert code == 0 and "papers train" not in out, err
    again = json.loads((run / "result.json").read_text())
    assert again["metrics"] == record["metrics"]
    code, out, err = papers("evaluate", str(run))
    assert code == 0 and "swav/mine:warm" in out, err


def test_the_page_of_a_recipe_of_ones_own(papers):
    Path("mine.yaml").write_text(OWN)
    code, out, err = papers("info", "mine.yaml")
    assert code == 0, err
    assert "A recipe of one's own." in out and "warm" in out
    code, _, err = papers("info", "mine.yaml:worm")
    assert code == 2 and "did you mean 'warm'" in err


def test_a_campaign_files_such_a_recipe_only_where_it_is_asked_to(papers, monkeypatch):
    monkeypatch.setattr("common.runs.campaign.SOURCE_ROOT", Path("checkout"))
    Path("mine.yaml").write_text(OWN)
    Path("c.yaml").write_text("arms: [mine.yaml]\nseeds: [0]\n")
    for _ in ("trained", "complete"):
        code, out, _ = papers("campaign", "c.yaml")
        assert code == 0 and "1 arm on " in out, "it ends with what papers compare shows"
        assert not Path("checkout").exists()
    assert papers("campaign", "c.yaml", "--results", "given")[0] == 0
    assert len(list(Path("given/swav").glob("mine-s0-*.json"))) == 1


def test_an_own_recipe_cannot_pass_for_one_of_the_papers(papers):
    Path("quick.yaml").write_text(OWN)
    code, _, err = papers("train", "quick.yaml", "--print-config")
    assert code == 2 and "quick.yaml: swav has a recipe 'quick'" in err


def test_a_record_is_a_recipe(papers):
    Path("mine.yaml").write_text(OWN)
    assert papers("train", "./mine.yaml:warm", "seed=3")[0] == 0
    (first,) = Path("runs").glob("*/*/*/result.json")
    code, _, err = papers("train", str(first), "--runs", "again", "tracking.mode=disabled")
    assert code == 0, err
    (second,) = Path("again").glob("*/*/*/result.json")
    records = [json.loads(path.read_text()) for path in (first, second)]
    for key in ("config", "config_hash", "seed", "metrics", "variant"):
        assert records[0][key] == records[1][key]
