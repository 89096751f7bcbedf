import importlib.util
import subprocess
import sys
import time

import pytest
from PIL import Image

from common.config.schema import TrackingConfig
from common.results.metrics import ERROR
from common.tracking import tracker as tracking
from common.tracking.tracker import Tracker
from common.tracking.wandb_child import summary_kind


@pytest.fixture
def offline(monkeypatch):
    for name in ("WANDB_PROJECT", "WANDB_ENTITY", "WANDB_SWEEP_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_MODE", "offline")


def start(tracker, folder, config=None, tracking=None, resumed=False):
    labels = ("a name", "paper/recipe/hash", "pretrain", ["a-tag"])
    config, tracking = config or {}, tracking or TrackingConfig()
    tracker.start(folder, "run-id-1", config, tracking, *labels, resumed=resumed)


def test_offline_run_holds_what_was_sent_and_stays_in_the_folder(tmp_path, offline, monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", "a-secret-value")
    monkeypatch.chdir(tmp_path)
    said = []
    tracker = Tracker(said.append)
    folder = tmp_path / "the run"
    folder.mkdir()
    config = {"method": {"temperature": 0.1, "note": "a-secret-value", "text": "a-plain-value"}}
    start(tracker, folder, config)
    tracker.log(1, {"train/loss": 2.0, "val/knn_top1": 0.5})
    tracker.summary({"test/knn_top1": 0.75})
    tracker.record("the-record-as-text")
    line = tracker.finish()
    (made,) = (folder / "wandb").glob("offline-run-*-run-id-1")
    assert line == f"wandb sync '{made}'"
    content = (made / "run-run-id-1.wandb").read_bytes()
    sent = (b"train/loss", b"test/knn_top1", b"a-plain-value", b"a-tag", b"the-record-as-text")
    for expected in sent:
        assert expected in content, expected
    assert b"a-secret-value" not in content
    assert said == []
    assert tracker.path is None
    assert [path.name for path in tmp_path.iterdir()] == ["the run"]


def test_images_go_with_the_run_and_leave_nothing_elsewhere(tmp_path, offline, monkeypatch):
    said, elsewhere = [], tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setenv("TMPDIR", str(elsewhere))
    tracker = Tracker(said.append)
    start(tracker, tmp_path)
    Image.new("RGB", (4, 3)).save(tmp_path / "views.png")
    tracker.log(7, {"train/loss": 2.0})
    tracker.images(7, [tmp_path / "views.png"])
    tracker.finish()
    (made,) = (tmp_path / "wandb").glob("offline-run-*-run-id-1")
    assert b"plots/views" in (made / "run-run-id-1.wandb").read_bytes()
    (copy,) = made.glob("files/media/images/plots/views*.png")
    assert Image.open(copy).size == (4, 3)
    assert said == []
    assert not [*elsewhere.iterdir()] and not (tmp_path / "wandb" / "tmp").exists()


def test_a_image_that_is_refused_costs_a_warning_and_nothing_else(tmp_path, offline):
    said = []
    tracker = Tracker(said.append)
    start(tracker, tmp_path)
    (tmp_path / "torn.png").write_bytes(b"no image")
    tracker.images(7, [tmp_path / "torn.png"])
    tracker.log(8, {"train/after": 2.0})
    assert tracker.finish() is not None
    (made,) = (tmp_path / "wandb").glob("offline-run-*-run-id-1")
    assert b"train/after" in (made / "run-run-id-1.wandb").read_bytes()
    (warning,) = said
    assert "did not take the plots" in warning and "torn.png" in warning


def test_a_checkpoint_goes_with_the_run_and_its_record(tmp_path, offline):
    said = []
    tracker = Tracker(said.append)
    start(tracker, tmp_path)
    (tmp_path / "last.ckpt").write_bytes(b"weights")
    tracker.model("model-run-id-1", tmp_path / "last.ckpt", "the-record-as-text")
    tracker.finish()
    (made,) = (tmp_path / "wandb").glob("offline-run-*-run-id-1")
    content = (made / "run-run-id-1.wandb").read_bytes()
    for expected in (b"model-run-id-1", b"last.ckpt", b"the-record-as-text"):
        assert expected in content, expected
    assert said == []


def test_a_checkpoint_that_is_refused_costs_a_warning_and_nothing_else(tmp_path, offline):
    said = []
    tracker = Tracker(said.append)
    start(tracker, tmp_path)
    tracker.model("model-run-id-1", tmp_path / "none.ckpt", "{}")
    tracker.log(8, {"train/after": 2.0})
    assert tracker.finish() is not None
    (made,) = (tmp_path / "wandb").glob("offline-run-*-run-id-1")
    assert b"train/after" in (made / "run-run-id-1.wandb").read_bytes()
    (warning,) = said
    assert "did not take the checkpoint" in warning and "none.ckpt" in warning


def test_resumed_offline_run_says_so_and_uploads_both_in_order(tmp_path, offline):
    for resumed in (False, True):
        said = []
        tracker = Tracker(said.append)
        start(tracker, tmp_path, resumed=resumed)
        tracker.log(1, {"train/loss": 2.0})
        line = tracker.finish()
        assert [("second folder" in text) for text in said] == [True] * resumed
        # W&B names folders by the second.
        time.sleep(1)
    folders = sorted(map(str, (tmp_path / "wandb").glob("offline-run-*")))
    assert len(folders) == 2
    assert line == f"wandb sync {folders[0]} {folders[1]}"


def test_a_call_costs_microseconds_and_imports_nothing(tmp_path, offline):
    tracker = Tracker()
    start(tracker, tmp_path)
    values = {f"diag/{number}": number / 7 for number in range(10)}
    started = time.perf_counter()
    for batch in range(2000):
        tracker.log(batch, values)
    assert (time.perf_counter() - started) / 2000 < 2e-4
    tracker.finish()


def test_the_module_is_light():
    code = (
        "import sys, common.tracking.tracker\n"
        "assert not {'wandb', 'torch', 'lightning', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_disabled_does_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: pytest.fail("started a process"))
    tracker = Tracker(pytest.fail)
    start(tracker, tmp_path, tracking=TrackingConfig(mode="disabled"))
    tracker.log(1, {"train/loss": 2.0})
    tracker.summary({"test/knn_top1": 0.75})
    tracker.images(1, [tmp_path / "views.png"])
    assert tracker.finish() is None
    assert list(tmp_path.iterdir()) == []


def test_without_the_package_it_says_so_once(tmp_path, offline, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    said = []
    tracker = Tracker(said.append)
    start(tracker, tmp_path)
    for batch in range(3):
        tracker.log(batch, {"train/loss": 2.0})
    assert tracker.finish() is None
    assert len(said) == 1
    assert "wandb cannot be found" in said[0]
    assert "metrics.csv" in said[0]


def test_a_tracker_that_reads_nothing_does_not_fill_the_memory(tmp_path, offline, monkeypatch):
    monkeypatch.setattr(tracking, "MAX_PENDING", 50)
    silent = tmp_path / "silent.py"
    silent.write_text("import time; time.sleep(60)")
    monkeypatch.setattr(tracking, "SCRIPT", silent)
    said = []
    tracker = Tracker(said.append)
    start(tracker, tmp_path)
    process = tracker._channel.process
    for batch in range(20_000):
        tracker.log(batch, {"train/loss": 2.0})
    tracker.finish()
    process.kill()
    assert len(said) == 1
    assert "does not take" in said[0]


def test_only_the_first_process_tracks(tmp_path, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: pytest.fail("started a process"))
    tracker = tracking.start_tracker(None, tmp_path)
    tracker.log(1, {"train/loss": 2.0})
    assert tracker.finish() is None


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("val/knn_top1", "max"),
        ("val/loss", "min"),
        ("probe/mae", "min"),
        ("val/gm", "min"),
        ("val/ndcg@10", "max"),
        ("train/loss", None),
        ("test/knn_top1", None),
    ],
)
def test_the_best_is_shown_of_what_is_validated(key, kind):
    assert summary_kind(key, ERROR.pattern) == kind
