"""A malformed file of the user's is refused in one line that names it, with nothing lost unsaid.

Each case writes a file and returns the words of ``papers train``; the answer must hold the pieces.
"""

import io
import json
import os
import shutil
import signal
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch_geometric.data import HeteroData

from common.cli.main import main
from common.own_data.plan import make_plan

ONE_STEP = ["trainer.batches=1", "tracking.mode=disabled"]


def images(folder: Path, count: int = 40) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
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


def newest_first(folder: Path) -> list[str]:
    words = series()(folder)
    header, *rows = (folder / "power.csv").read_text().splitlines()
    text(folder / "power.csv", header, *reversed(rows))
    return words


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


def graph_folder(links: list[str], venues: int = 3):
    """Returns what writes a folder of papers and authors with ``links`` to venues added."""

    def write(folder: Path) -> list[str]:
        text(folder / "nodes.csv", "type,count", "paper,60", "author,10", f"venue,{venues}")
        text(folder / "paper-author.csv", *(f"{n},{n % 10}" for n in range(60)))
        text(folder / "labels.csv", *(f"{n},{n % 2}" for n in range(60)))
        (folder / "paper-venue.csv").write_text("".join(f"{line}\n" for line in links))
        return ["meow", str(folder)]

    return write


def karpathy(image: Any) -> Callable[[dict], None]:
    return lambda found: (found.pop("annotations"), found.update(images=[image]))


def relabel(data: dict) -> None:
    data["images"][3]["id"] = 2


LOST = {
    **{
        f"a series with {cell}": (series(cell), ["power.csv, line 102", "load", cell])
        for cell in ("nan", "inf", "1e400", "oops", "1e39")
    },
    "a series with gaps": (
        series(""),
        ["power.csv, line 102: column 'load' is empty, as 1 of 200 cells", "data.fill=linear"],
    ),
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
    "a series whose newest date comes first": (
        newest_first,
        ["power.csv, line 3: date is not after the line before"],
    ),
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
    "a Karpathy image that is a list": (coco(karpathy([1])), ["captions.json", "entry"]),
    "a Karpathy split that is a list": (
        coco(karpathy({"filename": "0.png", "sentences": [], "split": ["train"]})),
        ["captions.json, image 0", "split", '["train"]'],
    ),
    "an empty text": (lambda folder: ["swav", str(text(folder / "a.txt"))], ["a.txt", "no text"]),
    "parts of a series that are not three": (
        lambda folder: [*series()(folder), "data.parts=[100]"],
        ["data.parts"],
    ),
    "a series without shares": (
        lambda folder: [*series()(folder), "data.shares=[]"],
        ["data.shares"],
    ),
    "a column of paths that is empty": (
        lambda folder: ["supremix", str(text(folder / "t.csv", "path,y", *[",1", ",2"] * 20))],
        ["t.csv, line 2", "no file"],
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
        ["log.inter, line 1", "item_id", "twice"],
    ),
}


def many_images(folder: Path) -> Path:
    for name in ("a", "b"):
        images(folder / name, 20)
    return folder


def with_link(folder: Path) -> list[str]:
    (many_images(folder) / "a" / "x.png").symlink_to("nowhere.png")
    return ["swav", str(folder)]


def with_pipe(folder: Path) -> list[str]:
    os.mkfifo(many_images(folder) / "a" / "x.png")
    return ["swav", str(folder)]


def with_pipe_in_table(folder: Path) -> list[str]:
    os.mkfifo(folder / "x.png")
    rows = [f"{name},{n}" for n, name in enumerate(images(folder))]
    return ["supremix", str(text(folder / "ages.csv", "path,age", "x.png,3", *rows))]


def few_images(folder: Path) -> list[str]:
    images(folder / "photos" / "a", 2)
    return ["swav", str(folder / "photos")]


def long_images(folder: Path) -> list[str]:
    for number in range(40):
        pixels = np.full((1, 20_000, 3), number, np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return ["swav", str(folder)]


def shards(label: bytes, kind: str = "cls", paper: str = "swav"):
    """Returns what writes a shard of 40 images with labels, of which one is ``label``."""

    def write(folder: Path) -> list[str]:
        with tarfile.open(folder / "train-0.tar", "w") as tar:
            for number, name in enumerate(images(folder / "images")):
                own = label if number == 3 else str(number % 2).encode()
                if kind == "json" and number != 3:
                    own = json.dumps({"label": number % 2, "caption": f"a {name}"}).encode()
                image = (folder / "images" / name).read_bytes()
                for ending, content in (("png", image), (kind, own)):
                    member = tarfile.TarInfo(f"{number:06d}.{ending}")
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))
        shutil.rmtree(folder / "images")
        return [paper, str(folder)]

    return write


DEEP = "[" * 100_000 + "]" * 100_000


def claims(shape: tuple[int, ...]) -> bytes:
    """Returns an .npy whose header claims ``shape`` of float64 and which holds nothing."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": shape}
    )
    return header.getvalue()


def npz(**changes: Any):
    """Returns what writes 4 series of 20 steps and their classes, changed."""

    def write(folder: Path) -> list[str]:
        x, y = np.random.default_rng(0).random((4, 20, 1)), np.arange(4) % 2
        np.savez(
            folder / "s.npz", **{"x_train": x, "y_train": y, "x_test": x, "y_test": y, **changes}
        )
        return ["autotcl", str(folder / "s.npz")]

    return write


def npy_by_another_name(folder: Path) -> list[str]:
    np.save(folder / "s.npy", np.zeros((4, 20, 1)))
    return ["autotcl", str((folder / "s.npy").rename(folder / "s.npz"))]


def npz_that_claims(folder: Path) -> list[str]:
    with zipfile.ZipFile(folder / "s.npz", "w") as file:
        for part in ("train", "test"):
            file.writestr(f"x_{part}.npy", claims((10**6, 10**6, 2)))
            file.writestr(f"y_{part}.npy", claims((10**6,)))
    return ["autotcl", str(folder / "s.npz")]


def npy_that_claims(folder: Path) -> list[str]:
    for number in range(30):
        np.save(folder / f"{number}.npy", np.full((8, 8, 8), number, np.float32))
    (folder / "7.npy").write_bytes(claims((10**4, 10**4, 10**4)))
    rows = [f"{number}.npy,{number}" for number in range(30)]
    return ["supremix", str(text(folder / "scans.csv", "path,age", *rows))]


def deep_json(folder: Path) -> list[str]:
    (folder / "captions.json").write_text(DEEP)
    return ["negclip", str(folder / "captions.json")]


def long_item(folder: Path) -> list[str]:
    rows = [f"{n} {n % 11 + 1} {n % 13 + 1} {n % 7 + 1} {n % 5 + 1}" for n in range(60)]
    rows[5] = f"5 {'7' * 5000} 3 4 5"
    return ["mclrec", str(text(folder / "log.txt", *rows))]


def item_zero(folder: Path) -> list[str]:
    rows = [f"{n} {n % 11} {n % 13 + 1} {n % 7 + 1} {n % 5 + 1}" for n in range(60)]
    return ["mclrec", str(text(folder / "log.txt", *rows))]


def user_without_items(folder: Path) -> list[str]:
    rows = [f"u{n} {n % 11 + 1} {n % 13 + 1} {n % 7 + 1} {n % 5 + 1}" for n in range(60)]
    return ["mclrec", str(text(folder / "log.txt", *rows, "u60"))]


def open_world(folder: Path) -> list[str]:
    rows = [f"{name},{n % 4},m{n % 4},s,{1 + n % 2}" for n, name in enumerate(images(folder))]
    header = "img_path,label,method,image_source,Tag"
    return ["owdfa_cpl", str(text(folder / "table.csv", header, *rows))]


def one_image(mode: str, **options: Any):
    """Returns what writes 41 images, of which one has ``mode``."""

    def write(folder: Path) -> list[str]:
        many_images(folder)
        Image.new(mode, (40, 36)).save(folder / "a" / "x.tif", **options)
        return ["swav", str(folder)]

    return write


def deep_captions(folder: Path) -> list[str]:
    words = pairs("10.png\ta thing")(folder)
    Image.new("I;16", (40, 36)).save(folder / "10.png")
    return words


def long_captions(folder: Path) -> list[str]:
    words = pairs("10.png\ta thing")(folder)
    for number in range(40):
        Image.new("RGB", (20_000, 1)).save(folder / f"{number}.png")
    return words


def arrays(folder: Path) -> list[str]:
    for number in range(30):
        np.save(folder / f"{number}.npy", np.zeros((8, 8, 5), np.uint8))
    return ["swav", str(folder)]


def packed_shards(folder: Path, paper: str = "swav") -> list[str]:
    with tarfile.open(folder / "train-0.tar.gz", "w:gz") as tar:
        for name in images(folder / "images"):
            tar.add(folder / "images" / name, name)
    shutil.rmtree(folder / "images")
    return [paper, str(folder)]


FAULTS = {
    "packed shards": (packed_shards, ["train-0.tar.gz", "gunzip"]),
    "packed shards of captions": (
        lambda folder: packed_shards(folder, "negclip"),
        ["train-0.tar.gz", "gunzip"],
    ),
    **{
        f"an image of mode {mode}": (one_image(mode), ["a/x.tif", "8 bits", mode])
        for mode in ("I;16", "I", "F")
    },
    "an image of 16 bits with a caption": (deep_captions, ["pairs.tsv", "10.png", "8 bits"]),
    "images of 20000 x 1 with captions": (long_captions, ["pairs.tsv", "png", "20000 x 1"]),
    "arrays in place of images": (arrays, [".npy", "docs/python.md"]),
    "links without a list of nodes": (
        lambda folder: ["meow", str(text(folder / "edges.csv", "source,target", "0,1").parent)],
        ["edges.csv", "no images", "nodes.csv", "type,count"],
    ),
    **{
        f"images of which {word} leaves none": (
            lambda folder, word=word: ["swav", str(images(folder) and folder), word],
            ["0 training images"],
        )
        for word in ("data.labelled_only=true", "data.test_share=0.99", "data.holdout=0.99")
    },
    "two images in one folder": (few_images, ["photos", "2"]),
    "a link that leads nowhere": (with_link, ["a/x.png", "no file"]),
    "a pipe among images": (with_pipe, ["a/x.png", "no file"]),
    "a pipe in a table": (with_pipe_in_table, ["ages.csv, line 2", "x.png", "no file"]),
    "images of 20000 x 1": (long_images, ["png", "20000 x 1"]),
    "a label of 23 digits": (shards(b"1" * 23), ["train-0.tar", "000003.cls", "11111"]),
    "a label of 2,000,000,000": (
        shards(b"2000000000"),
        ["train-0.tar", "000003.cls", "2000000000"],
    ),
    "a label in deep JSON": (shards(DEEP.encode(), "json"), ["train-0.tar", "000003.json"]),
    "a caption in deep JSON": (
        shards(DEEP.encode(), "json", "negclip"),
        ["train-0.tar", "000003.json"],
    ),
    "deep JSON": (deep_json, ["captions.json", "recursion"]),
    "a deep list of near images": (
        pairs(f"10.png\ta\t{DEEP}", "filepath\ttitle\tneg_image", "\t[1]"),
        ["pairs.tsv, line 12", "neg_image"],
    ),
    "captions of which none are left to train on": (
        lambda folder: [*pairs("10.png\ta thing")(folder), "data.holdout=0.49"],
        ["data.holdout=0.49: of 40 images 1"],
    ),
    "a user without items": (user_without_items, ["log.txt:61: 0 actions"]),
    "an .npz that is an .npy": (npy_by_another_name, ["s.npz", ".npy under another name"]),
    "one name for two classes": (npz(class_names=np.array("a")), ["s.npz", "class_names has 1"]),
    "an .npz that claims terabytes": (npz_that_claims, ["s.npz", "is it whole"]),
    "an .npy that claims terabytes": (
        npy_that_claims,
        ["scans.csv, line 9", "7.npy", "greater than file size"],
    ),
    "10 ** 12 nodes": (
        graph(lambda data: data["author"].update({"num_nodes": 10**12})),
        ["graph.pt: author", "1000000000000"],
    ),
    "10 ** 30 nodes": (
        graph(lambda data: data["author"].update({"num_nodes": 10**30})),
        ["graph.pt: author", "1000000000"],
    ),
    "2 ** 31 - 1 nodes": (
        graph(lambda data: data["author"].update({"num_nodes": 2**31 - 1})),
        ["graph.pt: author", "2,147,483,647", "features"],
    ),
    "2 ** 31 - 1 nodes of a folder": (
        graph_folder(["1,1"], venues=2**31 - 1),
        ["nodes.csv: venue", "2,147,483,647", "features"],
    ),
    "links of 26 digits": (graph_folder(["1,1", "1" * 26 + ",1"]), ["paper-venue.csv, line 2"]),
    "the padding item": (item_zero, ["log.txt:1", "item 0", "ids start at 1"]),
    "an item of 5,000 digits": (long_item, ["log.txt:6", "item"]),
    "a path of 5,000 letters": (pairs("x" * 5000 + ".png\ta thing"), ["pairs.tsv, line 12", "xxx"]),
    "a column Tag": (open_world, ["table.csv", "tag", "Tag"]),
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


@pytest.mark.parametrize("case", {**LOST, **FAULTS})
def test_a_malformed_file_is_refused_with_its_place(case, tmp_path, monkeypatch, capsys):
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    write, pieces = {**LOST, **FAULTS}[case]
    words = write(tmp_path / "data")
    signal.alarm(60)  # a pipe would wait for ever
    said = refusal(capsys, monkeypatch, words)
    signal.alarm(0)
    assert all(piece in said for piece in pieces), said
    assert max(map(len, said.splitlines())) < 1000


@pytest.mark.parametrize("error", [MemoryError, OverflowError, RecursionError])
@pytest.mark.parametrize(
    "place", ["data.series.own.spell", "data.series.readers.files.split_steps"]
)
def test_what_a_file_asks_of_the_machine_in_vain_names_it(
    error, place, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(f"common.{place}", _raising(error("planted")))
    said = refusal(capsys, monkeypatch, series()(tmp_path))
    assert f"error: {tmp_path / 'power.csv'}: " in said


@pytest.mark.parametrize("error", [ValueError, KeyError, AttributeError, OSError, RuntimeError])
@pytest.mark.parametrize(
    "place", ["data.series.own.spell", "data.series.readers.files.split_steps"]
)
def test_a_fault_of_our_own_on_a_good_file_shows_its_traceback(error, place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(f"common.{place}", _raising(error("planted")))
    monkeypatch.setattr(sys, "argv", ["papers", "train", *series()(tmp_path), *ONE_STEP])
    with pytest.raises(error, match="planted"):
        main()


def _raising(error: Exception) -> Callable[..., Any]:
    def fail(*_args: Any) -> None:
        raise error

    return fail


@pytest.mark.parametrize("cell", ["x" * 100_000, "\x1b[31mred\x07"])
def test_what_a_file_holds_leaves_the_terminal_as_it_is(cell, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "\x1b[31m"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    for words in (table(cell)(folder), pairs(f"{cell}\ta")(folder), ["swav", str(folder / cell)]):
        said = refusal(capsys, monkeypatch, words)
        assert "\\x1b[31m" in said and not set(said) & {"\x1b", "\x07"} and len(said) < 3000
    monkeypatch.setattr(sys, "argv", ["papers", "train", *series()(folder), "--print-config"])
    main()
    shown = "".join(capsys.readouterr())
    assert "\x1b" not in shown and "power.csv" in shown


@pytest.mark.parametrize(
    ("mode", "options", "said"),
    [
        ("RGBA", {}, "1 of 41 images looked at have an alpha channel, which is left out"),
        ("LA", {}, "alpha channel"),
        ("RGB", {"save_all": True, "append_images": [Image.new("RGB", (40, 36))]}, "the first"),
    ],
)
def test_what_is_left_out_of_an_image_is_told(mode, options, said, tmp_path):
    words = one_image(mode, **options)(tmp_path)
    assert said in make_plan(*words, []).notes[0]


@pytest.mark.parametrize("form", ["negclip", "supremix"])
def test_images_outside_of_their_folder_are_told_of(form, tmp_path, monkeypatch, capsys):
    images(tmp_path / "data")
    (tmp_path / "data" / "10.png").rename(tmp_path / "10.png")
    monkeypatch.chdir(tmp_path)
    if form == "negclip":
        paper, file = pairs("../10.png\ta thing")(tmp_path / "data")
        (tmp_path / "data" / "10.png").unlink()
    else:
        rows = [f"{n}.png,{n}" for n in range(40)]
        rows[10] = "../10.png,10"
        paper, file = "supremix", str(text(tmp_path / "data" / "ages.csv", "path,age", *rows))
    monkeypatch.setattr(sys, "argv", ["papers", "train", paper, file, *ONE_STEP])
    main()
    said = capsys.readouterr().err
    assert f"warning: {file}: ../10.png is outside of {tmp_path / 'data'}" in said


def test_a_series_with_gaps_trains_where_they_are_filled(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = [*series("nan")(tmp_path), "data.fill=previous", *ONE_STEP]
    monkeypatch.setattr(sys, "argv", ["papers", "train", *words])
    main()
    assert "power.csv: data.fill=previous fills 1 of 400 cells" in capsys.readouterr().err


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
