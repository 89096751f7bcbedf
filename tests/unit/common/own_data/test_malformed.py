"""A malformed file of the user's is refused in one line that names it, with nothing lost unsaid.

Each case writes a file and returns the words of ``papers train``; the answer must hold the pieces.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch_geometric.data import HeteroData

from common.cli.main import main

ONE_STEP = ["trainer.batches=1", "tracking.mode=disabled"]


def images(folder: Path, count: int = 40) -> list[str]:
    folder.mkdir(exist_ok=True)
    for number in range(count):
        pixels = np.full((36, 40, 3), 5 * number, np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return [f"{number}.png" for number in range(count)]


def text(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def series(cell: str = "5.5", date: str = "2024-01-05 04:00", header: str = "date,load,temp"):
    """Returns what writes 200 hours with ``cell`` and ``date`` in line 102."""

    def write(folder: Path) -> list[str]:
        days = [f"2024-01-{1 + hour // 24:02d} {hour % 24:02d}:00" for hour in range(200)]
        rows = [f"{day},{hour % 24}.5,{hour % 7}" for hour, day in enumerate(days)]
        rows[100] = f"{date},{cell},3"
        return ["autotcl", str(text(folder / "power.csv", header, *rows))]

    return write


def table(cell: str, header: str = "a,b,y", *words: str):
    """Returns what writes 60 samples with ``cell`` in line 32."""

    def write(folder: Path) -> list[str]:
        rows = [f"{number}.5,{number % 7},{number % 9}" for number in range(60)]
        rows[30] = rows[30].replace("30.5", cell)
        path = text(folder / "samples.csv", header, *rows)
        return ["supremix", str(path), "data.target=y", *words]

    return write


def pairs(first: str, header: str = "filepath\ttitle", more: str = ""):
    """Returns what writes 40 captions, of which line 12 is ``first``."""

    def write(folder: Path) -> list[str]:
        rows = [f"{name}\ta thing of {name}{more}" for name in images(folder)]
        rows[10] = first
        return ["negclip", str(text(folder / "pairs.tsv", header, *rows))]

    return write


def coco(change: Callable[[dict], None]):
    """Returns what writes COCO's captions of 40 images, changed."""

    def write(folder: Path) -> list[str]:
        names = images(folder)
        found = {
            "images": [{"id": n, "file_name": name} for n, name in enumerate(names)],
            "annotations": [
                {"image_id": n, "caption": f"a {name}"} for n, name in enumerate(names)
            ],
        }
        change(found)
        path = folder / "captions.json"
        path.write_text(json.dumps(found))
        return ["negclip", str(path)]

    return write


def graph(change: Callable[[HeteroData], None]):
    """Returns what writes a graph of papers and authors, changed."""

    def write(folder: Path) -> list[str]:
        data = HeteroData()
        data["paper"].x = torch.rand(60, 4)
        data["paper"].y = torch.arange(60) % 2
        data["author"].num_nodes = 10
        ends = torch.stack([torch.arange(60), torch.arange(60) % 10])
        data["paper", "by", "author"].edge_index = ends
        change(data)
        torch.save(data.to_dict(), folder / "graph.pt")
        return ["meow", str(folder / "graph.pt"), "data.target=paper"]

    return write


def graph_folder(links: list[str]):
    """Returns what writes a folder of papers and authors with ``links`` added."""

    def write(folder: Path) -> list[str]:
        text(folder / "nodes.csv", "type,count", "paper,60", "author,10", "venue,3")
        text(folder / "paper-author.csv", *(f"{n},{n % 10}" for n in range(60)))
        text(folder / "labels.csv", *(f"{n},{n % 2}" for n in range(60)))
        (folder / "paper-venue.csv").write_text("".join(f"{line}\n" for line in links))
        return ["meow", str(folder)]

    return write


def relabel(data: dict) -> None:
    data["images"][3]["id"] = 2


LOST = {
    **{
        f"a series with {cell}": (series(cell), ["power.csv, line 102", "load", cell])
        for cell in ("nan", "inf", "1e400", "oops", "1e39")
    },
    **{
        f"a table with {cell}": (table(cell), ["samples.csv, line 32", "'a'", cell])
        for cell in ("nan", "inf", "1e400", "oops", "1e39")
    },
    "a target beyond float32": (
        table("1e39", "y,a,b"),
        ["samples.csv, line 32", "y", "1e39"],
    ),
    "a date without and others with a time zone": (
        series(date="2024-01-05 04:00+00:00"),
        ["power.csv, line 102", "time zone"],
    ),
    "a date that is none": (series(date="soon"), ["power.csv, line 102", "date", "soon"]),
    "no date": (series(date=""), ["power.csv, line 102", "date", "empty"]),
    "a quotation mark that opens a cell of a .csv": (
        series(cell='"5'),
        ["power.csv, line", "quotation mark"],
    ),
    "two columns of captions": (
        pairs("10.png\ta\tb", "filepath\ttitle\tTitle", "\tb"),
        ["pairs.tsv", "title, Title", "data.caption_column="],
    ),
    "a near image that is a truth value": (
        pairs("10.png\ta\t[true]", "filepath\ttitle\tneg_image", "\t[1]"),
        ["pairs.tsv, line 12", "neg_image", "[true]"],
    ),
    "a COCO caption that is null": (
        coco(lambda found: found["annotations"][5].update(caption=None)),
        ["captions.json, annotation 5", "caption", "null"],
    ),
    "a COCO image twice": (coco(relabel), ["captions.json, image 3", "id 2"]),
    "a COCO file name that is a number": (
        coco(lambda found: found["images"][5].update(file_name=5)),
        ["captions.json, image 5", "file_name", "5"],
    ),
    "a COCO file name that is null": (
        coco(lambda found: found["images"][5].update(file_name=None)),
        ["captions.json, image 5", "file_name", "null"],
    ),
    "a file of links without a line": (graph_folder([]), ["paper-venue.csv", "no links"]),
    "an edge_index without a link": (
        graph(
            lambda data: data["paper", "by", "author"].update(
                {"edge_index": torch.zeros(2, 0, dtype=torch.int64)}
            )
        ),
        ["graph.pt: paper-by-author", "no links"],
    ),
    "complex features": (
        graph(lambda data: data["paper"].update({"x": torch.rand(60, 4) + 1j})),
        ["graph.pt: paper.x", "complex64"],
    ),
    "features of width 0": (
        graph(lambda data: data["paper"].update({"x": torch.rand(60, 0)})),
        ["graph.pt: paper.x", "(60, 0)"],
    ),
    "a number of nodes as text": (
        graph(lambda data: data["author"].update({"num_nodes": "10"})),
        ["graph.pt: author", "num_nodes", '"10"'],
    ),
    "an .inter with two columns of items": (
        lambda folder: [
            "mclrec",
            str(
                text(
                    folder / "log.inter",
                    "user_id:token\titem_id:token\titem_id:token",
                    *(f"{n % 9}\t{n % 11 + 1}\t{n % 13 + 1}" for n in range(200)),
                )
            ),
        ],
        ["log.inter:1", "item_id", "twice"],
    ),
}


def refusal(capsys, monkeypatch, words: list[str]) -> str:
    """Returns what the command says of ``words``, which it must refuse with code 2."""
    monkeypatch.setattr(sys, "argv", ["papers", "train", *words, *ONE_STEP])
    with pytest.raises(SystemExit) as stop:
        main()
    said = capsys.readouterr().err
    assert stop.value.code == 2, said
    assert "Traceback" not in said
    return said


@pytest.mark.parametrize("case", LOST)
def test_nothing_is_lost_in_silence(case, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write, pieces = LOST[case]
    said = refusal(capsys, monkeypatch, write(tmp_path))
    assert all(piece in said for piece in pieces), said


def test_a_quotation_mark_in_a_tsv_swallows_no_line(tmp_path):
    from common.own_data.csv_lines import read_lines

    rows = ['1\t"a" is a letter', '2\t"open', '3\tnot "closed"', '4\t"a ""quoted"" cell"']
    found = read_lines(text(tmp_path / "pairs.tsv", "n\ttext", *rows))
    assert [(number, *cells) for number, cells in found[1:]] == [
        (2, "1", '"a" is a letter'),
        (3, "2", '"open'),
        (4, "3", 'not "closed"'),
        (5, "4", 'a "quoted" cell'),
    ]
