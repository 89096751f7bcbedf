"""Each form of docs/your_data.md, as users have it, is trained, measured, embedded and exported.

The rows of the page's table say which paper takes a form and which words it needs; a row without a
road here, or a road without a row, fails.
"""

import csv
import io
import json
import random
import re
import tarfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image
from torch_geometric.data import Data, HeteroData

from tests.repo.test_docs import ROOT

pytestmark = pytest.mark.filterwarnings("ignore")
SHORT = ["trainer.batches=2", "tracking.mode=disabled", "tracking.plots=false"]
WORDS = "red green blue cat dog bird sits runs sleeps near under tree house road".split()


class Road(NamedTuple):
    """A file as users have it.

    ``write`` makes it and returns its path. ``words`` are what stands for NAME and FILE in the
    words of the page. ``embedded`` is what `papers embed` is given, where not the same path.
    """

    title: str
    name: str
    write: Callable[[Path], Path]
    words: str = ""
    embedded: str = ""


def table(path: Path, header: str, rows: list) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header.split(","), *rows])
    return path


def image(path: Path, number: int, mode: str = "RGB", side: int = 40) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 255, (5, 5, len(mode)), np.uint8).squeeze()
    Image.fromarray(pixels, mode).resize((side + number % 5, side)).save(path)
    return path.name


def text(number: int) -> str:
    return " ".join(random.Random(number).choices(WORDS, k=6))


def classes(folder: Path) -> Path:
    for number in range(60):
        image(folder / "photos" / "abc"[number % 3] / f"{number}.jpg", number)
    return folder / "photos"


def clicks(folder: Path) -> Path:
    rows = [
        (u, f"B00{(u * 3 + k) % 11}", 5, datetime(2024, 1, 1 + k % 28, u % 24).isoformat())
        for k in range(9)
        for u in range(40)
    ]
    return table(folder / "ratings.csv", "userId,productId,rating,timestamp", rows)


def inter(folder: Path) -> Path:
    rows = [f"u{u}\ti{(u * 3 + k) % 11}\t{k}" for k in range(9) for u in range(40)]
    header = "user_id:token\titem_id:token\ttimestamp:float"
    (folder / "ml.inter").write_text("\n".join([header, *rows]))
    return folder / "ml.inter"


def lines_of_items(folder: Path) -> Path:
    rows = [f"{u + 1} " + " ".join(str((u * 3 + k) % 11 + 1) for k in range(9)) for u in range(40)]
    (folder / "log.txt").write_text("\n".join(rows))
    return folder / "log.txt"


def series(folder: Path) -> Path:
    start = datetime(2024, 1, 1)
    rows = [(start + timedelta(hours=n), n % 24 + 0.5, n % 7, "A") for n in range(400)]
    return table(folder / "power.csv", "when,load,temp,site", rows)


def short_series(folder: Path) -> Path:
    x = np.random.default_rng(0).normal(size=(30, 40, 2)).astype(np.float32)
    y = np.arange(30) % 2
    np.savez(folder / "moves.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    np.savez(folder / "more.npz", x=x)
    return folder / "moves.npz"


def numbers(folder: Path) -> Path:
    rows = [(n / 7, "ab"[n % 2], n % 5, 3 * n + 1) for n in range(80)]
    return table(folder / "houses.csv", "area,kind,rooms,price", rows)


def ages(folder: Path) -> Path:
    rows = [(image(folder / f"{n}.png", n), 20 + n) for n in range(40)]
    return table(folder / "ages.csv", "path,age", rows)


def scans(folder: Path) -> Path:
    for n in range(30):
        np.save(folder / f"{n}.npy", np.random.default_rng(n).random((8, 8, 8), np.float32))
    return table(folder / "scans.csv", "path,age", [(f"{n}.npy", 20 + n) for n in range(30)])


def hetero(folder: Path) -> Path:
    nodes = torch.arange(90)
    data = HeteroData()
    data["paper"].x, data["paper"].y = torch.rand(90, 4), nodes % 3
    data["author"].num_nodes = 12
    data["paper", "by", "author"].edge_index = torch.stack([nodes, nodes % 12])
    torch.save(data, folder / "graph.pt")
    return folder / "graph.pt"


def one_type(folder: Path) -> Path:
    nodes = torch.arange(90)
    ends = torch.stack([nodes, (nodes * 7 + 3) % 90])
    torch.save(Data(x=torch.rand(90, 4), y=nodes % 3, edge_index=ends), folder / "graph.pt")
    return folder / "graph.pt"


def graph_folder(folder: Path) -> Path:
    table(folder / "nodes.csv", "type,count", [("paper", 90), ("author", 12)])
    table(folder / "paper-author.csv", "paper,author", [(n, n % 12) for n in range(90)])
    table(folder / "labels.csv", "node,class", [(n, n % 3) for n in range(90)])
    return folder


def answers(folder: Path) -> Path:
    rows = [(n, (n + 1) % 40, (n + 9) % 40) for n in range(40)]
    table(folder / "answers.csv", "first,second,odd", rows)
    return table(folder / "rows.csv", "a,b,c", [(n / 3, n % 7, n % 5) for n in range(40)])


def texts(folder: Path) -> Path:
    (folder / "texts.txt").write_text("".join(f"{text(n)}\n" for n in range(120)))
    return folder / "texts.txt"


def dictionary(folder: Path) -> Path:
    texts(folder)
    lines = [f"word{n}\t{text(n)}<|list_more_def|>{text(n + 1)}\n" for n in range(60)]
    (folder / "dictionary.txt").write_text("".join(lines))
    return folder / "dictionary.txt"


def pairs(folder: Path) -> Path:
    texts(folder)
    rows = [(text(n), text(n + n % 2), n % 2) for n in range(120)]
    return table(folder / "pairs.csv", "question1,question2,is_duplicate", rows)


def captions(folder: Path) -> Path:
    rows = [(image(folder / "pics" / f"{n}.png", n), text(n)) for n in range(40)]
    rows = [(f"pics/{name}", said) for name, said in rows]
    return table(folder / "captions.csv", "image path,caption", rows)


def coco(folder: Path) -> Path:
    names = [image(folder / "train2017" / f"{n}.jpg", n) for n in range(40)]
    found = {
        "images": [{"id": n, "file_name": name} for n, name in enumerate(names)],
        "annotations": [{"image_id": n, "caption": text(n)} for n in range(40)],
    }
    (folder / "annotations").mkdir()
    (folder / "annotations" / "captions_train2017.json").write_text(json.dumps(found))
    return folder


def shards(folder: Path) -> Path:
    (folder / "shards").mkdir()
    with tarfile.open(folder / "shards" / "all.tar", "w") as tar:
        for n in range(40):
            image(folder / "pics" / f"{n}.png", n)
            said = {"png": (folder / "pics" / f"{n}.png").read_bytes(), "txt": text(n).encode()}
            for ending, content in said.items():
                member = tarfile.TarInfo(f"{n:04}.{ending}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return folder / "shards"


def forgeries(folder: Path) -> Path:
    rows = []
    for n in range(80):
        name = image(folder / "faces" / f"{n}.png", n)
        rows.append((f"faces/{name}", n % 4, f"m{n % 4}", "s", 1 if n % 4 < 2 and n % 8 < 4 else 2))
    return table(folder / "table.csv", "img_path,label,method,image_source,tag", rows)


ROADS = [
    Road("photographs", "classes", classes),
    Road("a log of actions", "a CSV", clicks),
    Road("a log of actions", "inter", inter),
    Road("a log of actions", "lines", lines_of_items),
    Road("a series to forecast", "a CSV", series),
    Road("short series with classes", "npz", short_series, embedded="more.npz"),
    Road("a table with a number to predict", "a CSV", numbers, "price"),
    Road("images or volumes with a number", "images", ages, "age"),
    Road("images or volumes with a number", "volumes", scans, "age"),
    Road("a graph", "HeteroData", hetero),
    Road("a graph", "Data", one_type),
    Road("a graph", "folder", graph_folder),
    Road("rows, and answers which two of three are alike", "a CSV", answers, "answers.csv"),
    Road("texts", "lines", texts),
    Road("a dictionary", "lines", dictionary, embedded="texts.txt"),
    Road("pairs of texts with a score or class", "a CSV", pairs, embedded="texts.txt"),
    Road("images with captions", "a CSV", captions, embedded="pics"),
    Road("images with captions", "COCO", coco, embedded="train2017"),
    Road("images with captions", "shards", shards, embedded="pics"),
    Road("images of known and novel classes", "a CSV", forgeries, embedded="faces"),
]


def rows() -> dict[str, tuple[str, list[str]]]:
    """Returns each row of the page's table by its title: the first paper, and the words to add."""
    page = (ROOT / "docs" / "your_data.md").read_text()
    found = {}
    for line in page.partition("## 1.")[0].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and cells[0] not in ("your data", "---"):
            words = re.findall(r"add `(data\.\w+=\w+)`", cells[1])
            found[cells[0]] = (re.findall(r"`(\w+)`", cells[2])[0], words)
    return found


def test_every_row_of_the_page_is_a_road():
    assert {road.title for road in ROADS} == set(rows())


def marked(road: Road):
    """Images, and the further forms of a row, take more than a minute together."""
    first = road is next(each for each in ROADS if each.title == road.title)
    slow = "image" in road.title or "photo" in road.title or not first
    return pytest.param(road, id=f"{road.title}: {road.name}", marks=[pytest.mark.slow] * slow)


@pytest.mark.parametrize("road", [marked(road) for road in ROADS])
def test_a_file_as_users_have_it_goes_the_whole_road(road, papers, tmp_path):
    (tmp_path / "own").mkdir()
    path = str(road.write(tmp_path / "own"))
    paper, words = rows()[road.title]
    given = str(tmp_path / "own" / road.words) if ".csv" in road.words else road.words
    words = [re.sub("NAME|FILE", given, word) for word in words]

    def call(*command: str) -> None:
        code, _, said = papers(*command)
        assert code == 0, said

    call("train", paper, path, *words, *SHORT)
    (record,) = Path("runs").glob("*/*/*/result.json")
    run = str(record.parent)
    metrics = json.loads(record.read_text())["metrics"]
    assert metrics and all(np.isfinite(each) for each in metrics.values())
    data = str(tmp_path / "own" / road.embedded) if road.embedded else path
    call("embed", run, "--data", data)
    found = np.load(Path(run) / "embeddings.npz")
    assert len(found["embeddings"]) == len(found["ids"]) and np.isfinite(found["embeddings"]).all()
    call("export", run)
    assert torch.load(Path(run) / "backbone.pt", weights_only=True)
    if road.title == "a log of actions":
        call("recommend", run, "--top", "3", "--out", "next.csv")
        assert Path("next.csv").read_text().startswith("user,rank,item,score\n")
