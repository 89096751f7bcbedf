"""The folder that `papers leaderboard --html` writes: whole, small at first, and self-contained."""

import base64
import json
import re
from html.parser import HTMLParser

import pytest

from common.errors import LikewiseError, UsageError
from common.results.groups import Code
from common.results.leaderboard import make_leaderboard
from common.results.pages import site
from common.results.pages.site import FILTERS, render_files, write_page
from common.results.record import Record, read_record

CODE = Code(digests={"swav": "e" * 12}, config_hashes={"swav/cifar10": "c" * 10})
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJg"
    "gg=="
)
VOID = {"meta", "img", "br", "hr", "link", "base", "input", "wbr"}


class Outline(HTMLParser):
    """Collects tags, ids, rows and addresses, and fails on ends that do not match."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.arms: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        named = dict(attrs)
        self.ids += [named["id"] or ""] if "id" in named else []
        if tag != "base":
            self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        if "data-paper" in named:
            self.arms.append(named)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def outline(text: str) -> Outline:
    found = Outline()
    found.feed(text)
    assert found.open == []
    return found


def with_curve(make_record, seed: int = 0, **changes) -> Record:
    curves = {"train/loss": [[0, 2.0], [10, 1.5 + seed]]}
    return make_record(**{"seed": seed, "curves": curves, **changes})


def files_of(records, runs):
    return dict(render_files(make_leaderboard([], records, CODE), runs))


def opened(files, paper="swav"):
    """What the script of a paper hands to the page."""
    text = files[f"arms/{paper}.js"]
    name, arms = json.loads(text.removeprefix("addArms(...").removesuffix(");\n"))
    assert name == paper
    return arms


def test_every_address_leads_to_a_file_of_the_folder_or_a_heading_and_none_elsewhere(
    make_record, tmp_path
):
    records = [with_curve(make_record, seed) for seed in range(3)]
    page = write_page(make_leaderboard([], records, CODE), tmp_path / "out", tmp_path / "runs")
    for path in page.parent.rglob("*.html"):
        found = outline(path.read_text())
        assert len(set(found.ids)) == len(found.ids)
        for address in found.addresses:
            if address == "data:,":  # no icon
                continue
            name, _, heading = address.partition("#")
            target = page.parent / name if name else page  # addresses start from the first page
            assert target.is_file()
            assert not heading or heading in outline(target.read_text()).ids
    addresses = outline((page.parent / "papers" / "swav.html").read_text()).addresses
    assert sum(address.startswith("results/swav/") for address in addresses) == 3
    assert "import" not in (page.parent / "page.js").read_text()
    for path in page.parent.rglob("*.[cj]s*"):
        assert "://" not in path.read_text().replace("http://www.w3.org/2000/svg", "")


def test_the_first_view_loads_neither_curves_nor_images(make_record, tmp_path):
    long = {f"diag/{name}": [[batch, 1.23456] for batch in range(40)] for name in range(50)}
    short, whole = (
        files_of([with_curve(make_record, seed, curves=curves) for seed in range(9)], tmp_path)
        for curves in ({}, long)
    )
    assert len(whole["arms/swav.js"]) > 50_000 + len(short["arms/swav.js"])
    assert whole["index.html"] == short["index.html"]
    assert not {"img", "svg"} & {*outline(whole["index.html"]).tags}


def test_each_arm_is_a_row_that_leads_to_its_runs_and_curves(make_record, tmp_path):
    records = [with_curve(make_record, seed) for seed in range(3)]
    records += [
        with_curve(make_record, seed, arm="ablation/x", variant="x", config_hash="d" * 10)
        for seed in range(2)
    ]
    records.append(make_record(metrics={}, references={}, protocol="", data="own", run_id="o"))
    files = files_of(records, tmp_path)
    rows = [row for row in outline(files["index.html"]).arms if "data-curves" in row]
    arms = opened(files)
    assert sorted(int(row["data-curves"]) for row in rows) == [*range(len(arms))] == [0, 1, 2]
    found = {
        row["data-arm"] + " " + row["data-data"]: arms[int(row["data-curves"])] for row in rows
    }
    assert [run["seed"] for run in found["method cifar10"]["runs"]] == [0, 1, 2]
    assert found["ablation cifar10"]["curves"] == {
        "train/loss": [[[0, 2.0], [10, 1.5]], [[0, 2.0], [10, 2.5]]]
    }
    assert found["method own"]["curves"] == {}
    for run in found["method cifar10"]["runs"]:
        assert run["record"] in files


def test_what_learns_nothing_is_a_row_without_runs(make_record, tmp_path):
    record = make_record(references={"untrained": {"test/knn_top1": 0.1}})
    rows = outline(files_of([record], tmp_path)["index.html"]).arms
    assert [row["data-arm"] for row in rows if "data-curves" not in row] == ["reference"]
    assert all(f"data-{name}" in row for row in rows for name in FILTERS)


def test_a_record_beside_the_page_is_the_record(make_record, tmp_path):
    record = with_curve(make_record)
    page = write_page(make_leaderboard([], [record], CODE), tmp_path / "out", tmp_path / "runs")
    assert read_record(page.parent / "results" / "swav" / record.filename) == record


def test_the_same_records_give_the_same_files(make_record, tmp_path):
    records = [with_curve(make_record)]
    assert files_of(records, tmp_path) == files_of(records, tmp_path)


@pytest.mark.parametrize("job", ["", "slurm-7"])
def test_images_of_a_run_that_is_still_there_lie_beside_the_page(make_record, tmp_path, job):
    record = with_curve(make_record)
    plots = tmp_path / job / "swav" / "cifar10" / record.run_id / "plots"
    plots.mkdir(parents=True)
    (plots / "neighbours.png").write_bytes(PIXEL)
    files = files_of([record], tmp_path)
    (arm,) = opened(files)
    assert [files[name] for name in arm["images"]] == [PIXEL]
    assert arm["images"][0].endswith("neighbours.png")


def test_what_a_record_says_is_text_and_never_markup(make_record, tmp_path):
    bad = '"><script>alert(1)</script>'
    record = with_curve(make_record, data=bad, protocol="<details><summary>x</summary>")
    files = files_of([record], tmp_path)
    for name in ("index.html", "papers/swav.html"):
        assert outline(files[name]).tags.count("script") == 1  # page.js
    assert outline(files["index.html"]).arms[0]["data-data"] == bad
    # A script that made markup of what it is given would undo this.
    assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write", files["page.js"].decode())


def test_a_board_without_runs_is_a_page_too(tmp_path):
    text = dict(render_files(make_leaderboard([], [], Code()), tmp_path))["index.html"]
    assert outline(text).arms == []


def test_folds_are_folds(make_record, tmp_path):
    pilot = make_record(pilot=True, looked_at="val", run_id="p")
    text = files_of([with_curve(make_record), pilot], tmp_path)["papers/swav.html"]
    assert "<details><summary>" in text
    assert "&lt;details" not in text


def test_a_former_page_is_replaced_whole_and_nothing_is_left_beside_it(make_record, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    for seeds in (2, 1):
        records = [with_curve(make_record, seed) for seed in range(seeds)]
        write_page(make_leaderboard([], records, CODE), out, tmp_path / "runs")
        assert len(list(out.glob("results/swav/*.json"))) == seeds
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("name", ["photo.jpg", "index.html", "results"])
def test_a_folder_that_is_no_former_page_is_left_as_it_was(name, make_record, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text("<title>mine</title>")
    with pytest.raises(UsageError):
        write_page(make_leaderboard([], [with_curve(make_record)], CODE), out, tmp_path / "runs")
    assert (out / name).read_text() == "<title>mine</title>"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("fault", [ZeroDivisionError, OSError])
def test_a_page_that_cannot_be_made_leaves_the_former_one(
    fault, make_record, tmp_path, monkeypatch
):
    board = make_leaderboard([], [with_curve(make_record)], CODE)
    page = write_page(board, tmp_path / "out", tmp_path / "runs")
    before = page.read_text()

    def fail(*_):
        raise fault("no space")

    monkeypatch.setattr(site, "arm_file", fail)
    with pytest.raises(LikewiseError if fault is OSError else fault):
        write_page(board, tmp_path / "out", tmp_path / "runs")
    assert page.read_text() == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
