"""`papers evaluate WHAT [DATA]` on files of vectors, functions and folders."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from common.cli.evaluate import split_words
from common.errors import DataError, UsageError
from common.evaluation.measure import Figure
from common.results.figures import Evaluation, as_csv, blocks_of, is_evaluation, read_evaluation
from common.results.pages.document import to_latex
from common.runs.encoders import find_measurable
from common.runs.measured import _cut, measure_all
from common.runs.vector_files import as_vectors

R = np.random.default_rng(0)
Y = R.integers(0, 3, 90)
X = (R.normal(size=(3, 8))[Y] + R.normal(size=(90, 8))).astype(np.float32)


def wrote(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_labels_split_rows_by_class_and_a_split_that_is_told_counts(tmp_path):
    drawn = as_vectors(wrote(tmp_path / "a.npz", embeddings=X, labels=Y), None, None, 0)
    counts = np.unique(Y, return_counts=True)[1]
    assert drawn.test.classes.bincount().tolist() == [round(each / 4) for each in counts]
    assert len(drawn.train.x) + len(drawn.test.x) == len(drawn.measured.x) == 90
    split = np.where(np.arange(90) < 60, "train", "test")
    told = as_vectors(wrote(tmp_path / "b.npz", x=X, y=Y, split=split), None, None, 0)
    assert torch.equal(told.test.x, torch.from_numpy(X[60:])) and told.whole is None
    both = as_vectors(tmp_path / "a.npz", tmp_path / "b.npz", None, 0)
    assert len(both.train.x) == len(both.test.x) == 90


def test_names_of_classes_numbers_and_pairs_are_read(tmp_path):
    lines = [
        f"{i},{x[0]},{x[1]},{'cat' if y else ''}" for i, (x, y) in enumerate(zip(X, Y, strict=True))
    ]
    (tmp_path / "c.csv").write_text("id,a,b,label\n" + "\n".join(lines))
    named = as_vectors(tmp_path / "c.csv", None, None, 0)
    assert set(named.test.classes.tolist()) == {-1, 0} and named.test.x.shape[1] == 2
    numbers = as_vectors(wrote(tmp_path / "n.npz", x=X, labels=Y + 0.5), None, None, 0)
    assert numbers.known == {"numbers"} and numbers.val is not None
    pairs = as_vectors(wrote(tmp_path / "p.npz", first=X, second=X), None, None, 0)
    scored = as_vectors(wrote(tmp_path / "s.npz", first=X, second=X, scores=Y), None, None, 0)
    assert pairs.known == {"partners"} and scored.known == {"scored pairs"}


def test_parquet_of_papers_embed_is_read(tmp_path):
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = pa.table({"ids": [str(i) for i in range(90)], "embeddings": X.tolist(), "labels": Y})
    parquet.write_table(table, tmp_path / "e.parquet")
    found = as_vectors(tmp_path / "e.parquet", None, None, 0)
    assert found.measured.x.shape == (90, 8) and "training classes" in found.known


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"y": Y}, "has y, and no embeddings or vectors"),
        ({"x": X, "vectors": X}, "vectors and x mean the same"),
        ({"x": X, "labels": Y[:5]}, "90 rows, but 5 labels"),
        ({"x": X[:, 0]}, r"vectors of shape \(90,\)"),
        ({"x": np.full_like(X, np.nan)}, "720 of 720 numbers are NaN"),
        ({"first": X, "second": X[:9]}, "90 first and 9 second"),
    ],
)
def test_what_cannot_be_used_is_refused(arrays, message, tmp_path):
    with pytest.raises(Exception, match=message):
        as_vectors(wrote(tmp_path / "a.npz", **arrays), None, None, 0)


def evaluation(tmp_path, name="a.npz", shift=0.0):
    path = wrote(tmp_path / name, embeddings=X + shift, labels=Y)
    return measure_all(find_measurable(str(path), None, 0), ["knn", "isotropy"], {"knn.k": 3}, 0)


def test_a_result_is_read_again_and_two_of_the_same_rows_share_a_table(tmp_path):
    first, second = evaluation(tmp_path), evaluation(tmp_path, "b.npz", shift=1.0)
    file = tmp_path / "r.json"
    file.write_text(first.to_json())
    assert is_evaluation(file) and read_evaluation(file) == Evaluation(
        **json.loads(json.dumps(vars(first)))
    )
    assert first.protocols["knn"]["k"] == 3 and list(first.encoders) == ["a.npz", "chance"]
    _, table, says = blocks_of([first, second])
    assert (
        table.header == ["metric", "a.npz", "chance", "b.npz"] and "not with another" in says.text
    )
    knn = next(row for row in table.rows if row[0] == "knn_top1")
    assert knn[1].count("[") == 1
    assert len(as_csv([first]).splitlines()) == 1 + 2 * 2
    latex = to_latex([table])
    assert r"knn\_top1 & " in latex and latex.count(r"\\") == 1 + len(table.rows)


def test_the_bounds_of_a_share_are_shares_and_those_of_an_error_no_less_than_0():
    cut = [_cut(name, Figure(92.5, -3.0, 100.5, 9)) for name in ("mrr", "mae")]
    assert cut == [[92.5, 0.0, 100.0, 9], [92.5, 0.0, 100.5, 9]]


def test_a_function_of_the_users_is_run_on_images_and_on_texts_and_its_hash_is_kept(tmp_path):
    code = tmp_path / "mine.py"
    code.write_text(
        "import torch\n"
        "def colour(images):\n    assert images.shape[1:] == (3, 224, 224)\n"
        "    return images.flatten(2).mean(2)\n"
        "def length(texts):\n    return torch.tensor([[float(len(t)), 1.0] for t in texts])\n"
    )
    for place, name in enumerate(("red", "green")):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(8):
            image = np.zeros((20, 30, 3), np.uint8)
            image[..., place] = 100 + 10 * number
            Image.fromarray(image).save(tmp_path / "images" / name / f"{number}.png")
    found = find_measurable(f"{code}:colour", str(tmp_path / "images"), 0)
    result = measure_all(found, ["knn"], {"knn.k": 3}, 0)
    assert result.encoders["mine.py:colour"]["knn_top1"][0] == 100 and len(result.digest) == 16
    assert list(result.encoders) == ["mine.py:colour", "raw", "chance"]
    (tmp_path / "t.csv").write_text(
        "text,label\n" + "\n".join(f"{'a' * i},{i > 20}" for i in range(1, 41))
    )
    texts = measure_all(
        find_measurable(f"{code}:length", str(tmp_path / "t.csv"), 0), ["linear", "isotropy"], {}, 0
    )
    assert texts.encoders["mine.py:length"]["linear_top1"][0] > 80
    # `isotropy` of texts is that of their tokens.
    for figures in texts.encoders.values():
        assert "sentence_isotropy" in figures and "isotropy" not in figures


def test_what_is_neither_is_refused_with_what_there_is(tmp_path):
    for what, data, message in (
        ("nothing", None, "neither a run, a file of vectors"),
        ("timm:resnet18", None, "name data behind it"),
        ("torchvision:resnet18", "nowhere", "no folder of images, and no set"),
        (f"{tmp_path}/no.py:f", "x", "no such file"),
    ):
        with pytest.raises(UsageError, match=message):
            find_measurable(what, data, 0)
    with pytest.raises(DataError, match="give a file that exists"):
        find_measurable("nothing.npz", None, 0)
    assert split_words(["images", "knn.k=3"]) == ("images", ["knn.k=3"])
    with pytest.raises(UsageError, match="one name of data"):
        split_words(["images", "more"])
