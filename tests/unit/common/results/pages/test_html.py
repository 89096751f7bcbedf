import base64
import re
from html.parser import HTMLParser

import pytest

from common.errors import UsageError
from common.results.board import make_board
from common.results.groups import Code
from common.results.pages import html
from common.results.pages.html import render_page, write_page
from common.results.record import Record

CODE = Code(digests={"swav": "e" * 12}, config_hashes={"swav/cifar10": "c" * 10})
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJg"
    "gg=="
)
VOID = {"meta", "img", "br", "hr"}


class Outline(HTMLParser):
    """Collects tags and the addresses they load, and fails on ends that do not match."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [value or "" for name, value in attrs if name in ("src", "href")]
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
    return make_record(seed=seed, curves=curves, **changes)


def test_the_page_holds_the_rows_and_loads_nothing_from_elsewhere(make_record, tmp_path):
    records = [with_curve(make_record, seed) for seed in range(3)]
    page = write_page(make_board([], records, CODE), tmp_path / "out", tmp_path / "runs")
    found = outline(page.read_text())
    assert found.tags.count("svg") == 1 and "img" not in found.tags
    for address in found.loads:
        if address.startswith("#"):
            assert f'id="{address[1:]}"' in page.read_text()
        else:
            assert (page.parent / address).is_file()
    assert sum("results/swav/" in address for address in found.loads) == 3


def test_a_setting_has_a_panel_an_arm_and_a_line_a_seed(make_record, tmp_path):
    records = [with_curve(make_record, seed) for seed in range(3)]
    records += [
        with_curve(make_record, seed, arm="ablation/x", variant="x", config_hash="d" * 10)
        for seed in range(2)
    ]
    text = render_page(make_board([], records, CODE), tmp_path)
    assert [panel.count("<polyline") for panel in text.split("<svg")[1:]] == [3, 2]


def test_a_curve_spans_its_panel_and_the_ends_of_its_axes_are_written(make_record, tmp_path):
    record = make_record(curves={"train/loss": [[0, 2.5], [500, 1.0], [1000, 0.5]]})
    text = render_page(make_board([], [record], CODE), tmp_path)
    places = [place.split(",") for place in re.search(r'points="([^"]+)"', text)[1].split()]
    (left, top), (middle, lower), (right, bottom) = [(float(x), float(y)) for x, y in places]
    assert left < middle < right and middle - left == pytest.approx(right - middle)
    assert lower - top == pytest.approx(3 * (bottom - lower), abs=0.2)
    assert {"2.5", "0.5", "0", "1,000"} <= set(re.findall(r">([^<>]+)</text>", text))


@pytest.mark.parametrize("curve", [[], [[5, 1.0]], [[0, 1.0], [9, 1.0]]])
def test_a_curve_without_extent_makes_no_error(make_record, tmp_path, curve):
    record = make_record(curves={"train/loss": curve})
    outline(render_page(make_board([], [record], CODE), tmp_path))


def test_the_same_records_give_the_same_page(make_record, tmp_path):
    board = make_board([], [with_curve(make_record)], CODE)
    assert render_page(board, tmp_path) == render_page(board, tmp_path)


@pytest.mark.parametrize("job", ["", "slurm-7"])
def test_images_of_a_run_that_is_still_there_are_in_the_page(make_record, tmp_path, job):
    record = with_curve(make_record)
    plots = tmp_path / job / "swav" / "cifar10" / record.run_id / "plots"
    plots.mkdir(parents=True)
    (plots / "neighbours.png").write_bytes(PIXEL)
    text = render_page(make_board([], [record], CODE), tmp_path)
    assert base64.b64encode(PIXEL).decode() in text
    assert "swav/cifar10, seed 0: neighbours" in text
    assert "is in" not in text


def test_what_a_record_says_is_text_and_never_markup(make_record, tmp_path):
    bad = "<script>alert(1)</script>"
    record = with_curve(make_record, data=bad, protocol="<details><summary>x</summary>")
    text = render_page(make_board([], [record], CODE), tmp_path)
    assert "script" not in outline(text).tags
    assert "&lt;script&gt;" in text


def test_a_board_without_runs_is_a_page_too(tmp_path):
    text = render_page(make_board([], [], Code()), tmp_path)
    outline(text)
    assert "No run has a learning curve yet." in text


def test_folds_are_folds(make_record, tmp_path):
    metrics = {f"test/{kind}": 1.0 for kind in "abcdefghijkl"}
    text = render_page(make_board([], [with_curve(make_record, metrics=metrics)], CODE), tmp_path)
    assert "<details><summary>" in text
    assert "&lt;details" not in text


def test_a_former_page_is_replaced_whole_and_nothing_is_left_beside_it(make_record, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    for seeds in (2, 1):
        records = [with_curve(make_record, seed) for seed in range(seeds)]
        write_page(make_board([], records, CODE), out, tmp_path / "runs")
        assert len(list(out.glob("results/swav/*.json"))) == seeds
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("name", ["photo.jpg", "index.html", "results"])
def test_a_folder_that_is_no_former_page_is_left_as_it_was(name, make_record, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text("<title>mine</title>")
    with pytest.raises(UsageError):
        write_page(make_board([], [with_curve(make_record)], CODE), out, tmp_path / "runs")
    assert (out / name).read_text() == "<title>mine</title>"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_page_that_cannot_be_made_leaves_the_former_one(make_record, tmp_path, monkeypatch):
    board = make_board([], [with_curve(make_record)], CODE)
    page = write_page(board, tmp_path / "out", tmp_path / "runs")
    before = page.read_text()
    monkeypatch.setattr(html, "render_page", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_page(board, tmp_path / "out", tmp_path / "runs")
    assert page.read_text() == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
