"""The command as a user meets it: exit codes, messages, and what is left on the disk."""

import gc
import json
import shlex
import shutil
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

SHORT = [
    "trainer.batches=3",
    "trainer.threads=1",
    "tracking.mode=disabled",
    "evaluation.protocols=[knn]",
    "evaluation.references=[]",
]


def run_folder(root=Path()):
    (config,) = root.glob("runs/*/*/*/config.yaml")
    return config.parent


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Returns a folder with the run that most tests begin with, trained once."""
    from common.config.recipe import load_recipe
    from common.runs.run import start_run

    folder = tmp_path_factory.mktemp("trained")
    recipe = load_recipe("swav", [*SHORT, "tracking.plots=false"])
    start_run(recipe, folder / "runs", Console(quiet=True))
    return folder


@pytest.fixture
def run(papers, trained, tmp_path):
    """Returns a finished run below the test's own folder."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    return run_folder()


@pytest.mark.parametrize(
    ("words", "place", "mend"),
    [
        ("train swav data.batch_size=9999", "data.batch_size=9999", "use"),
        ("train swav trainer.devices=2 data.batch_size=127", "data.batch_size", "126 or 128"),
        ("train meow trainer.devices=2", "trainer.devices", "one device"),
        ("train mclrec trainer.accumulate=2", "trainer.accumulate", "1"),
        ("train swav evaluation.references=[popularity]", "'popularity'", "untrained"),
        ("evaluate hf:none images --weights none.npz", "none.npz", "for timm:NAME, torchvision:"),
        ("evaluate torchvision:resnet18 images pretrained=false", "'pretrained'", "unknown key"),
    ],
)
def test_what_is_refused_with_torch_is_exit_code_2_and_leaves_no_run(papers, words, place, mend):
    code, _, err = papers(*words.split())
    assert code == 2 and place in err and mend in err and "Traceback" not in err
    assert not list(Path("runs").glob("*/*/*/config.yaml"))


def test_a_run_leaves_its_record_and_can_be_evaluated_exported_and_loaded(papers):
    code, out, _ = papers("train", "swav", *SHORT)
    assert code == 0
    # In the order of the sections, quoted for a shell.
    again = [SHORT[0], SHORT[1], SHORT[2], f"'{SHORT[3]}'", f"'{SHORT[4]}'"]
    assert "knn_top1" in out and "waiting for data" in out
    run = run_folder()
    assert f"stored in {run}, with plots" in out
    assert f"next:  papers train swav/quick seed=1 {' '.join(again)}    another seed" in out
    record = json.loads((run / "result.json").read_text())
    assert (record["status"], record["batches"], record["scaled"]) == ("complete", 3, True)

    code, out, _ = papers("evaluate", str(run), "--protocol", "knn")
    assert code == 0 and "waiting for data" not in out
    (again,) = run.glob("evaluations/*/result.json")
    found = json.loads(again.read_text())
    assert found["metrics"] == record["metrics"]
    # Filed beside the training's record, it is another one.
    assert found["run_id"] == f"{record['run_id']}-{again.parent.name}" and "curves" not in found

    page = (Path(__file__).parents[2] / "docs" / "tracking.md").read_text()
    assert [path.name for path in run.iterdir() if f"\n| `{path.name}" not in page] == []

    assert papers("export", str(run))[0] == 0
    weights = torch.load(run / "backbone.pt", weights_only=True)
    import common

    module = common.load(run)
    assert all(torch.equal(weights[k], v) for k, v in module.backbone.state_dict().items())

    code, out, _ = papers("resume", str(run))
    assert code == 0 and "complete already" in out
    log = (run / "log.txt").read_text()
    assert "swav/quick, seed 0" in log and "  complete: " in log.splitlines()[-1]


def test_protocols_of_a_run_may_be_set_and_what_it_was_trained_with_may_not(papers, run):
    code, _, err = papers("evaluate", str(run), "data.batch_size=64", "seed=3", "trainer.threads=1")
    assert code == 2 and "data.batch_size, seed or arm: the run was trained with it" in err
    code, _, err = papers("evaluate", str(run), "evaluation.knn.l=3")
    assert code == 2 and "'evaluation.knn.l'" in err
    assert not (run / "evaluations").exists()
    words = ("--protocol", "few-label", "evaluation.few_label.labels=[2]", "trainer.threads=1")
    code, _, err = papers("evaluate", str(run), *words)
    assert code == 0, err
    (path,) = run.glob("evaluations/*/result.json")
    record = json.loads(path.read_text())
    assert list(record["metrics"]) == ["test/linear_top1@2", "test/nn_top1@2"]
    assert record["scaled_reason"].startswith("the recipe was changed: ")
    assert record["scaled_reason"].endswith("evaluated with other evaluation.few_label.labels")


def test_filing_a_record_needs_one(papers):
    Path("empty").mkdir()
    code, _, err = papers("leaderboard", "--add", "empty")
    assert code == 2
    assert "empty/result.json" in err and "--add" in err


def test_a_diverging_loss_stops_the_run_and_keeps_the_last_good_checkpoint(papers):
    words = ["trainer.batches=30", "trainer.checkpoint_every_batches=1", *SHORT[1:]]
    code, _, err = papers("train", "swav", "optimizer.name=sgd", "optimizer.lr=1e30", *words)
    assert code == 1
    assert "train/loss is" in err and "go on with: papers resume" in err
    for path in (run_folder() / "checkpoints").glob("batch-*.ckpt"):
        state = torch.load(path, weights_only=True)
        assert state["likewise"]["batches_seen"] < 30


def test_ctrl_c_before_training_is_no_success(papers, monkeypatch):
    def interrupt(*_args, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr("common.runs.run.start_run", interrupt)
    code, _, err = papers("train", "swav")
    assert code == 1 and "interrupted" in err


@pytest.mark.parametrize(("theirs", "ours"), [(130, 1), (3, 3), (0, 0), (None, 0)])
def test_of_typers_exits_only_that_of_ctrl_c_is_an_interruption(theirs, ours, papers, monkeypatch):
    monkeypatch.setattr("common.cli.main.app", lambda **_: theirs)
    code, _, err = papers("list")
    assert code == ours and ("interrupted" in err) is (theirs == 130)


def test_a_launcher_with_another_number_of_processes_is_refused(papers, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    code, _, err = papers("train", "swav")
    assert code == 2 and "set trainer.devices=2" in err


def test_a_folder_in_use_is_refused(papers, run):
    from common.runs.folder import open_run

    held = open_run(run)
    held.record.unlink()
    held.lock()
    code, _, err = papers("resume", str(run))
    assert code == 2 and "in use by process" in err
    held.unlock()


def test_a_campaign_skips_what_is_complete_and_stops_at_its_budget(papers):
    Path("c.yaml").write_text(
        f"arms: [swav/quick]\nseeds: [0, 1]\noverrides: {json.dumps(SHORT[1:])}\n"
    )
    code, out, _ = papers("campaign", "c.yaml", "--budget", "0s", "--results", "results")
    assert code == 0 and "budget spent" in out and not Path("runs").exists()
    code, out, _ = papers("campaign", "c.yaml", "--budget", "3s", "--results", "results")
    assert code == 0 and "stopped by budget" in out
    code, _, err = papers("campaign", "c.yaml", "--budget", "soon")
    assert code == 2 and "90m or 2h" in err


@pytest.mark.slow
def test_a_sweep_is_a_campaign_of_pilots_that_goes_on_where_it_stopped(papers):
    words = ("sweep", "swav/quick", "optimizer.lr=0.001,0.004", *SHORT, "tracking.plots=false")
    code, out, _ = papers(*words, "--budget", "0s")
    assert code == 0 and "budget spent before [1/2]" in out and not Path("runs").exists()
    for said in ("stored in runs", ": complete, runs"):
        code, out, err = papers(*words)
        assert code == 0 and out.count(said) == 2 and "2 of 2 trials" in out, err
    records = [json.loads(path.read_text()) for path in Path("runs").glob("*/*/*/result.json")]
    assert {(record["pilot"], record["looked_at"], record["seed"]) for record in records} == {
        (True, "val", 100)
    }
    best = shlex.split(out.splitlines()[-1])[2:]
    assert best[:2] == ["train", "swav/quick"] and papers(*best)[0] == 0
    code, out, err = papers("compare", "runs", "--csv", "all.csv")
    assert code == 0 and "1 arm on " in out and "2 arms on " in out, err
    assert len(Path("all.csv").read_text().splitlines()) > 3


def test_embedding_own_images(papers, run):
    np.savez("mine.npz", images=np.zeros((4, 20, 20), dtype=np.uint8))
    code, out, err = papers("embed", str(run), "--data", "mine.npz")
    assert code == 0 and "(4, 64)" in out, err
    code, _, err = papers("embed", str(run), "--data", "mine.npz")
    assert code == 2 and "--force" in err
    assert papers("embed", str(run), "--data", "mine.npz", "--force")[0] == 0
    with np.load(run / "embeddings.npz") as file:
        assert file["embeddings"].shape == (4, 64) and file["ids"].tolist() == [0, 1, 2, 3]


def test_given_weights_embed_own_images_and_their_evaluation_says_so(papers, run):
    papers("export", str(run), "--out", "official.pt")
    np.savez("mine.npz", images=np.zeros((4, 20, 20), dtype=np.uint8))
    words = ("swav/quick", "--weights", "official.pt", *SHORT[1:])
    code, out, err = papers("embed", *words, "--data", "mine.npz")
    assert code == 0 and out.startswith("wrote embeddings.npz\n"), err
    papers("embed", str(run), "--data", "mine.npz")
    with np.load("embeddings.npz") as given, np.load(run / "embeddings.npz") as own:
        assert np.array_equal(given["embeddings"], own["embeddings"])

    assert papers("evaluate", *words, "--runs", "measured")[0] == 0
    (config,) = Path("measured").glob("*/*/*/config.yaml")
    for verb in (("export",), ("embed", "--data", "mine.npz")):
        code, _, err = papers(verb[0], str(config.parent), *verb[1:])
        assert code == 2 and "holds no weights; name their file" in err


def test_a_renamed_unfinished_run_is_to_be_named_back(papers, run):
    (run / "result.json").unlink()
    renamed = run.rename(run.with_name("mine"))
    code, _, err = papers("resume", str(renamed))
    assert code == 1 and "mend what the warnings name" in err
    assert f"name it {run.name} again" in (renamed / "log.txt").read_text()
    renamed.rename(run)
    code, out, _ = papers("resume", str(run))
    assert code == 0 and "resuming from batch-" in out


def test_what_a_finished_run_held_is_free_when_the_next_one_reads_its_data(papers, monkeypatch):
    import common.training.fit as pipeline

    held, alive = [], []
    build = pipeline.build_module

    def remember(recipe, data):
        module = build(recipe, data)
        alive.append([ref() is not None for ref in held])
        held.extend([weakref.ref(module), weakref.ref(data)])
        return module

    monkeypatch.setattr(pipeline, "build_module", remember)
    gc.disable()  # as if few objects had been made since
    try:
        assert papers("train", "swav", *SHORT)[0] == papers("train", "swav", *SHORT)[0] == 0
    finally:
        gc.enable()
    assert alive == [[], [False, False]]
