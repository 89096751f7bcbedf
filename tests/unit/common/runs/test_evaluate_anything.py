"""`papers evaluate WHAT [DATA]` on files of vectors, functions and folders."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.models import resnet18
from typer.testing import CliRunner

from common.cli.main import app
from common.cli.reading import split_words
from common.config.files import file_digest
from common.data.images.readers import unreadable
from common.errors import ConfigError, DataError, LikewiseError, UsageError
from common.evaluation.measure import Figure, at_chance, evaluation_of, measure
from common.results.figures import Evaluation, as_csv, blocks_of, is_evaluation, read_evaluation
from common.results.pages.document import to_latex
from common.runs.encoders import (
    Embedding,
    FunctionEncoder,
    _digest_of_arrays,
    _network,
    _trained,
    _with_weights,
    find_measurable,
)
from common.runs.environment import LIBRARIES
from common.runs.measured import _cut, check_keys, measure_all
from common.runs.own_loss import read_own_loss
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
    drawn_of = {n: find_measurable(str(tmp_path / n), None, 0).drawn for n in ("a.npz", "b.npz")}
    assert drawn_of == {"a.npz": True, "b.npz": False}
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


def test_names_and_endings_in_capital_letters_mean_the_same(tmp_path):
    split = np.where(np.arange(90) < 60, "train", "test")
    path = wrote(tmp_path / "a.npz", x=X, Label=Y, Split=split).rename(tmp_path / "A.NPZ")
    table = csv_of(tmp_path / "c.csv", X=X[:, 0], Y=X[:, 1], Label=Y, Split=split)
    found = find_measurable(str(path), None, 0).encoders["A.NPZ"], as_vectors(table, None, None, 0)
    for one in found:
        assert len(one.test.x) == 30 and one.train.classes.tolist() == Y[:60].tolist()
    assert found[1].test.x.shape == (30, 2)


@pytest.mark.parametrize(
    ("trained", "tested"),
    [
        ([*map(str, Y)], Y),
        (Y.astype(float), [f"{y}.0" if y else "" for y in Y]),
        ([f"0{y}" for y in Y], Y),
    ],
)
def test_labels_of_two_files_are_one_class_as_number_and_as_text(trained, tested, tmp_path):
    both = (wrote(tmp_path / f"{n}.npz", x=X, y=y) for n, y in enumerate((trained, tested)))
    found = as_vectors(*both, None, 0)
    assert found.train.classes.tolist() == Y.tolist()
    known = found.test.classes >= 0
    assert found.test.classes[known].tolist() == Y[known].tolist() and known.sum() >= (Y > 0).sum()


def test_rows_that_are_all_of_an_unknown_class_have_no_classes(tmp_path):
    found = as_vectors(wrote(tmp_path / "a.npz", x=X, y=np.full(90, -1)), None, None, 0)
    assert found.test.classes is None and found.train is None


def test_labels_of_two_files_that_share_none_are_warned_of(tmp_path):
    train, test = (wrote(tmp_path / f"{n}.npz", x=X, y=Y + n) for n in (0, 10))
    with pytest.warns(UserWarning, match=r"10\.npz: no label of it is a label of .*0\.npz"):
        as_vectors(train, test, None, 0)


def test_tested_rows_of_classes_without_training_rows_are_told(tmp_path):
    split = np.where(Y == 0, "test", "train")
    split[np.flatnonzero(Y == 1)[:5]] = "test"
    with pytest.warns(UserWarning, match="tested rows are of classes without training rows"):
        as_vectors(wrote(tmp_path / "a.npz", x=X, y=Y, split=split), None, None, 0)


def test_tested_vectors_have_the_columns_of_the_others(tmp_path):
    train = csv_of(tmp_path / "a.csv", e0=X[:, 0], e1=X[:, 1], e2=X[:, 2], label=Y)
    narrow = csv_of(tmp_path / "b.csv", e0=X[:, 0], e1=X[:, 1], label=Y)
    with pytest.raises(
        DataError, match=r"b\.csv: vectors of 2 numbers, where .*a\.csv has some of 3"
    ):
        as_vectors(train, narrow, None, 0)
    turned = csv_of(tmp_path / "c.csv", label=Y, e1=X[:, 1], e0=X[:, 0], e2=X[:, 2])
    with pytest.raises(DataError, match=r'c\.csv: has "e1" where .*a\.csv has "e0"'):
        as_vectors(train, turned, None, 0)


def test_one_image_is_not_measured(tmp_path):
    (tmp_path / "images").mkdir()
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(tmp_path / "images" / "a.png")
    (tmp_path / "f.py").write_text("def f(x): return x.flatten(1)[:, ::99]\n")
    said = CliRunner().invoke(app, ["evaluate", f"{tmp_path}/f.py:f", f"{tmp_path}/images"])
    assert "images: 1 image; two and more are needed" in str(said.exception)


def test_decimal_commas_of_vectors_are_told(tmp_path):
    (tmp_path / "a.csv").write_text("e0;e1;label\n0,5;1,5;a\n1,5;2;b\n3;4,25;a\n")
    with pytest.raises(DataError, match="commas make the numbers of e0, e1 text"):
        as_vectors(tmp_path / "a.csv", None, None, 0)


def test_a_class_of_one_row_is_trained_on(tmp_path):
    labels = [*Y[:-2], 8, 9]
    with pytest.warns(UserWarning, match="2 of 5 classes have one row alone, which is not tested"):
        found = as_vectors(wrote(tmp_path / "a.npz", x=X, y=labels), None, None, 0)
    assert found.test.classes.max() == 2 and {3, 4} <= {*found.train.classes.tolist()}


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
        (
            {"x": np.full_like(X, np.nan)},
            "vectors: 90 of 90 rows are NaN or infinite, the first is row 1",
        ),
        ({"x": X[:, :0]}, r"vectors of shape \(90, 0\)"),
        ({"x": X * 1e30}, r"vectors: has values of .*e\+30; scale them below 1e\+15"),
        ({"first": X, "second": X[:9]}, "90 first and 9 second"),
        ({"first": X, "second": X[:, :2]}, r"first have \d columns and second 2; a pair is"),
        ({"first": X, "second": X, "scores": Y[:9]}, "90 rows, but 9 scores"),
        ({"x": X, "y": np.eye(3)[Y]}, r"labels of shape \(90, 3\); one a row is needed, .* argmax"),
        ({"x": X, "y": np.where(Y, Y, np.nan)}, r"\d+ of 90 labels are NaN; -1 marks an unknown"),
        ({"x": X, "targets": np.full(90, np.inf)}, "numbers: 90 of 90 rows are NaN or infinite"),
        ({"x": X, "y": Y, "split": Y}, 'split says "2", "1", "0" in 90 of 90 rows; what is'),
        (
            {"x": X, "y": Y, "split": ["train", "tst"] * 45},
            '"tst" in 45 of 90 .* training, restval, val,',
        ),
        ({"x": X, "y": Y, "split": ["train"] * 90}, "split says test in no row"),
        ({"x": X, "y": Y, "split": ["val"] * 90}, "split says train in no row"),
        ({"x": X, "y": Y, "split": ["train", "test"]}, "90 rows, but 2 split"),
    ],
)
def test_what_cannot_be_used_is_refused(arrays, message, tmp_path):
    with pytest.raises(LikewiseError, match=message):
        as_vectors(wrote(tmp_path / "a.npz", **arrays), None, None, 0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda whole: whole[:200], "File is not a zip file; is it whole"),
        (lambda whole: whole[:200] + b"." + whole[201:], "Bad CRC-32 for file 'labels.npy'; is it"),
        (lambda whole: b"one,two", "numpy has not written it; save it with numpy.savez"),
        (None, r"it holds objects; save text as labels.astype\(str\)"),
    ],
)
def test_a_file_that_numpy_cannot_read_is_refused_without_advice_to_trust_it(
    content, message, tmp_path
):
    path = wrote(tmp_path / "a.npz", labels=Y if content else np.array(["a", None]))
    if content:
        path.write_bytes(content(path.read_bytes()))
    with pytest.raises(DataError, match=f"a.npz: not readable: {message}") as refused:
        as_vectors(path, None, None, 0)
    assert "pickle" not in str(refused.value)


def test_vectors_alone_are_read_whichever_ending_of_numpys_they_have(tmp_path):
    np.save(tmp_path / "a.npy", X)
    (tmp_path / "a.npy").rename(tmp_path / "a.npz")
    assert as_vectors(tmp_path / "a.npz", None, None, 0).measured.x.shape == (90, 8)


def test_labels_under_a_name_that_nothing_reads_are_pointed_at(tmp_path):
    path = wrote(tmp_path / "a.npz", x=X, species=Y)
    with pytest.warns(UserWarning, match="a.npz: not read: species; .* are called labels"):
        assert as_vectors(path, None, None, 0).train is None


def test_words_of_a_split_are_those_that_folders_of_images_have(tmp_path):
    split = np.where(np.arange(90) < 60, "Training", np.where(np.arange(90) < 70, "valid", "TEST"))
    told = as_vectors(wrote(tmp_path / "a.npz", x=X, targets=X[:, 0], split=split), None, None, 0)
    assert [len(part.x) for part in (told.train, told.val, told.test)] == [60, 10, 20]


def test_rows_of_val_are_tested_where_no_row_is_of_test_and_that_is_said(tmp_path):
    split = np.where(np.arange(90) < 60, "train", "val")
    path = wrote(tmp_path / "a.npz", x=X, y=Y, split=split)
    with pytest.warns(UserWarning, match="says test in no row; rows of val are tested"):
        told = as_vectors(path, None, None, 0)
    assert torch.equal(told.test.x, torch.from_numpy(X[60:])) and len(told.train.x) == 60


def csv_of(path, **columns):
    rows = zip(*columns.values(), strict=True)
    lines = [",".join(columns), *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines))
    return path


def test_columns_that_count_on_are_vectors_by_what_they_share(tmp_path):
    sides = {f"{side}_{i}": X[:, i] for side in ("first", "second") for i in (1, 0)}
    pairs = as_vectors(csv_of(tmp_path / "p.csv", **sides, scores=Y), None, None, 0).pairs
    assert pairs is not None and pairs.second.x.shape == (90, 2)
    assert np.allclose(pairs.first.x, X[:, :2])  # in the order of the numbers
    named = csv_of(tmp_path / "n.csv", image_0=X[:, 0], image_1=X[:, 1], label=Y)
    unnamed = tmp_path / "i.csv"  # as pandas writes its index
    lines = named.read_text().splitlines()
    unnamed.write_text("\n".join(f"{i - 1 if i else ''},{line}" for i, line in enumerate(lines)))
    counted = csv_of(tmp_path / "c.csv", **{"0": X[:, 0], "1": X[:, 1]})  # the same, without it
    for path in (named, unnamed, counted):
        assert as_vectors(path, None, None, 0).test.x.shape[1] == 2


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"e0": Y, "e1": Y, "score_y": Y}, "no dimensions beside e0 to e1 are score_y; call them"),
        (
            {"first1": Y, "first2": Y, "second1": Y, "second2": Y, "sore": Y},
            "beside first1 to first2 are sore",
        ),
        ({"a1": Y, "a2": Y, "b1": Y, "b2": Y}, "no dimensions beside a1 to a2 are b1, b2"),
        (
            {"first": ["0.1 0.2"] * 90, "second": Y},
            r"first: ..0.1 0.2.. is no number; in a CSV a d",
        ),
        ({"e0": Y, "e1": Y, "label_0": Y, "label_1": Y}, r"labels of shape \(90, 2\)"),
        ({"e0": Y, "e1": Y, "Species": ["cat"] * 90}, "e0 to e1 are Species; .* such as label, te"),
        ({"e0": [*Y[:4], "", *Y[5:]], "e1": Y}, "a.csv, line 6: e0 is empty; fill it in"),
        ({"e0": [*Y[:4], "x", *Y[5:]], "y": Y}, 'a.csv, line 6: e0 holds "x", which is no number'),
        ({"0.5": Y, "1.5": Y}, "a.csv, line 1: holds numbers, and no names of columns; put a line"),
    ],
)
def test_columns_that_say_too_little_are_refused(columns, message, tmp_path):
    with pytest.raises(DataError, match=message):
        as_vectors(csv_of(tmp_path / "a.csv", **columns), None, None, 0)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"labels": np.arange(90)}, "a.npz: its 90 classes have one row each; take other labels"),
        (
            {"labels": [-1] * 60 + [*range(30)], "split": ["train"] * 60 + ["test"] * 30},
            "its training rows have no class; take",
        ),
    ],
)
def test_classes_without_a_row_to_train_on_are_refused(arrays, message, tmp_path):
    found = find_measurable(str(wrote(tmp_path / "a.npz", x=X, **arrays)), None, 0)
    with pytest.raises(DataError, match=message):
        measure_all(found, [], {}, 0)


def test_one_class_is_refused_where_classes_are_told_apart(tmp_path):
    path = str(wrote(tmp_path / "a.npz", x=X, labels=np.zeros(90)))
    with pytest.raises(DataError, match="one class alone"):
        measure_all(find_measurable(path, None, 0), [], {}, 0)
    assert measure_all(find_measurable(path, None, 0), ["isotropy"], {}, 0).encoders
    with pytest.raises(
        ConfigError, match=r"knn\.k: knn is not among .*, isotropy; ask for it with"
    ):
        measure_all(find_measurable(path, None, 0), ["isotropy"], {"knn.k": 3}, 0)
    with pytest.raises(ConfigError, match="unknown key 'pretrained'"):
        check_keys({"pretrained": False})


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: x, r"f.py:f: returned Tensor\(6, 3, 4, 4\) for 6 samples; one vector a sample"),
        (lambda x: x.mean((0, 2, 3))[None], r"returned Tensor\(1, 3\) for 6"),
        (lambda x: torch.cat([x, x]).flatten(1), r"returned Tensor\(12, 48\) for 6"),
        (lambda x: x[1:].flatten(1).tolist(), "for 6 samples"),
        (lambda x: None, "returned NoneType for 6"),
        (lambda x: x.flatten(1) / 0, "NaN or infinity in 6 of 6 vectors"),
        (lambda x: x @ 3, "f.py:f: TypeError: "),
    ],
)
def test_what_a_function_returns_is_checked(function, message):
    with pytest.raises(DataError, match=message):
        FunctionEncoder("f.py:f", function).embed(torch.ones(6, 1, 4, 4))


def test_a_function_whose_vectors_depend_on_the_batch_is_told(recwarn):
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.BatchNorm1d(48))
    images = torch.rand(6, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    with pytest.warns(UserWarning, match=r"f\.py:f: a vector .*; is the network in eval mode\?"):
        FunctionEncoder("f.py:f", network).embed(images)
    recwarn.clear()
    FunctionEncoder("f.py:f", network.eval()).embed(images)
    assert not recwarn


def test_grey_images_have_three_channels_for_a_function_and_raw_is_what_is_stored(tmp_path):
    embed = FunctionEncoder("f.py:f", lambda x: x.flatten(2).mean(2).numpy()).embed
    assert embed(torch.ones(2, 1, 4, 4)).shape == (2, 3)
    (tmp_path / "f.py").write_text("def f(x): return x\nclass Net: pass\n")
    with pytest.raises(UsageError, match=r"f.py: Net is a class; .* such as net = Net\(\)"):
        find_measurable(f"{tmp_path}/f.py:Net", "scattered-digits", 0)
    found = find_measurable(f"{tmp_path}/f.py:f", "scattered-digits", 0)
    assert found.encoders["raw"].test.x.shape == (1000, 400)


def evaluation(tmp_path, name="a.npz", x=X, protocols=("knn", "isotropy"), k=3, seed=0):
    path = wrote(tmp_path / name, embeddings=x, labels=Y)
    return measure_all(find_measurable(str(path), None, 0), protocols, {"knn.k": k}, seed)


def test_a_result_is_read_again_and_two_of_the_same_rows_share_a_table(tmp_path):
    first, second = evaluation(tmp_path), evaluation(tmp_path, "b.npz", X + 1)
    file = tmp_path / "r.json"
    file.write_text(first.to_json())
    assert is_evaluation(file) and read_evaluation(file) == Evaluation(
        **json.loads(json.dumps(vars(first)))
    )
    assert first.protocols["knn"]["k"] == 3 and list(first.encoders) == ["a.npz", "chance"]
    head, table, *measures, says = blocks_of([first, second])
    assert len(measures) == 2 and "accuracy in per cent, `knn_top1`" in measures[0].text
    assert (
        table.header == ["metric", "a.npz", "chance", "b.npz"] and "not with another" in says.text
    )
    assert head.text.endswith("; the tested rows were drawn by seed=0; knn.k=3")
    assert "no values of rows" in says.text
    moved = blocks_of([first, replace(second, data_digest="other")])
    assert "tables stand apart" in moved[-1].text and "no values of rows" not in moved[-1].text
    dimensions, knn, isotropy = table.rows
    assert dimensions == ["dimensions", "8", "8", "8"]
    assert knn[0] == "knn_top1 ↑" and knn[1].count("[") == 1 and isotropy[0] == "isotropy"
    assert len(as_csv([first]).splitlines()) == 1 + 2 * 3
    latex = to_latex([table])
    assert r"knn\_top1 $\uparrow$ & " in latex and latex.count(r"\\") == 1 + len(table.rows)


def test_settings_that_differ_stand_at_the_columns_and_in_csv(tmp_path):
    found = [evaluation(tmp_path, k=3), evaluation(tmp_path, k=5, seed=1)]
    head, table, *_ = blocks_of(found)
    names = ["a.npz seed=0 knn.k=3", "chance seed=0 knn.k=3"]
    assert table.header[:3] == ["metric", *names] and "knn.k" not in head.text
    assert table.header[3:] == ["a.npz seed=1 knn.k=5", "chance seed=1 knn.k=5"]
    lines = [line for line in as_csv(found).splitlines() if ",a.npz,knn_top1," in line]
    assert [line.partition(",k=")[0][-5:] for line in lines] == ["0,knn", "1,knn"]
    assert [",k=3;" in line for line in lines] == [True, False]


def test_what_learns_nothing_is_one_column_where_results_agree_and_else_several(tmp_path):
    found = [
        evaluation(tmp_path, "a.npz", protocols=["knn"]),
        evaluation(tmp_path, "b.npz", X + 1),
        evaluation(tmp_path, "c.npz", X[:, :5]),
    ]
    table = blocks_of(found[:2])[1]
    assert table.header == ["metric", "a.npz", "chance", "b.npz"]
    assert all(row[2] != "-" for row in table.rows)
    table = blocks_of(found)[1]
    assert table.header[2:] == ["a.npz chance", "b.npz", "c.npz", "c.npz chance"]
    assert table.rows[0][1:] == ["8", "8", "8", "5", "5"]


def test_chance_is_the_mean_of_draws_where_a_metric_is_a_mean_over_rows(tmp_path):
    path = str(wrote(tmp_path / "a.npz", embeddings=X, labels=Y))
    asked = find_measurable(path, None, 1)
    found = measure_all(asked, ["knn", "isotropy"], {}, 1)
    config = evaluation_of(asked.encoders["a.npz"], ["knn", "isotropy"])
    draws = [measure(at_chance(asked.encoders["a.npz"], 20 + i), config, 1) for i in range(20)]
    assert found.samples["draws of chance"] == 20
    assert found.encoders["chance"]["knn_top1"] == pytest.approx(
        [np.mean([each["knn_top1"].value for each in draws]), None, None, None]
    )
    assert found.encoders["chance"]["isotropy"][0] == draws[0]["isotropy"].value


def test_a_recall_that_all_reach_is_not_measured_unless_it_is_asked_for(tmp_path):
    asked = find_measurable(str(wrote(tmp_path / "a.npz", embeddings=X, labels=Y)), None, 0)
    (figures, _) = measure_all(asked, ["retrieval"], {}, 0).encoders.values()
    assert [name for name in figures if "@" in name] == ["recall@1"]
    (figures, _) = measure_all(asked, [], {"retrieval.cutoffs": [3]}, 0).encoders.values()
    assert figures["recall@3"][0] == 100


def test_no_result_is_refused_by_its_name(tmp_path):
    (tmp_path / "a.json").write_text(evaluation(tmp_path).to_json())
    for name, said in (("b.json", "No such file"), (".", "Is a directory")):
        words = ["compare", str(tmp_path / "a.json"), str(tmp_path / name)]
        error = CliRunner().invoke(app, words).exception
        assert isinstance(error, DataError)
        assert f"{tmp_path / name}: no result of papers evaluate: {said}" in str(error)


def test_the_bounds_of_a_share_are_shares_and_those_of_an_error_no_less_than_0():
    cut = [_cut(name, Figure(92.5, -3.0, 100.5, 9)) for name in ("mrr", "mae")]
    assert cut == [[92.5, 0.0, 100.0, 9], [92.5, 0.0, 100.5, 9]]


def red_and_green(folder):
    for place, name in enumerate(("red", "green")):
        (folder / name).mkdir(parents=True)
        for number in range(8):
            image = np.zeros((20, 30, 3), np.uint8)
            image[..., place] = 100 + 10 * number
            Image.fromarray(image).save(folder / name / f"{number}.png")
    return str(folder)


def test_images_that_cannot_be_read_are_left_out_where_that_is_asked(tmp_path, monkeypatch):
    monkeypatch.setattr(unreadable, "CACHE", tmp_path / "cache")
    (tmp_path / "f.py").write_text("def f(x): return x.flatten(1)[:, ::99]\n")
    images = red_and_green(tmp_path / "images")
    (tmp_path / "images/red/9.png").write_text("<html>")
    words = ["evaluate", f"{tmp_path}/f.py:f", images, "--protocol", "knn"]
    said = CliRunner().invoke(app, words)
    assert "9.png: not a readable image" in str(said.exception)
    with pytest.warns(UserWarning, match=r"images: left out 1 unreadable: red/9\.png"):
        said = CliRunner().invoke(app, [*words, "data.skip_unreadable=true"])
    assert said.exit_code == 0 and "12 training, 4 tested" in said.output
    said = CliRunner().invoke(app, [*words[:2], "digits", "data.skip_unreadable=true"])
    assert "is for a folder of images, and digits is none" in str(said.exception)
    said = CliRunner().invoke(app, [*words[:2], "data.skip_unreadable=true"])
    assert "is for a folder of images, and none is given" in str(said.exception)


def test_tested_classes_without_training_images_are_told(tmp_path):
    (tmp_path / "f.py").write_text("def f(x): return x.flatten(1)[:, ::99]\n")
    folder = tmp_path / "images"
    red_and_green(folder / "train")
    (folder / "train/red").rename(folder / "train/reds")
    red_and_green(folder / "test")
    with pytest.warns(UserWarning, match="test images of classes without training images: red"):
        find_measurable(f"{tmp_path}/f.py:f", str(folder), 0)


def test_the_tested_images_of_a_folder_are_a_quarter_of_each_class_by_seed(tmp_path):
    (tmp_path / "f.py").write_text("def f(x): return x\n")
    images = red_and_green(tmp_path / "images")
    found = [find_measurable(f"{tmp_path}/f.py:f", images, seed) for seed in (3, 3, 4)]
    raw = [each.encoders["raw"].test for each in found]
    assert all(each.drawn for each in found)
    assert all(each.classes.tolist() == [0, 0, 1, 1] for each in raw)
    assert torch.equal(raw[0].x, raw[1].x) and not torch.equal(raw[0].x, raw[2].x)
    assert found[0].data_digest == found[1].data_digest != found[2].data_digest


def test_own_weights_of_a_librarys_network_are_read_without_the_classifier(tmp_path):
    network = resnet18()
    file, images = tmp_path / "r.pth", red_and_green(tmp_path / "images")
    torch.save({"state_dict": network.state_dict(), "epoch": 3}, file)
    found = find_measurable("torchvision:resnet18", images, 0, file)
    result = measure_all(found, ["knn"], {"knn.k": 3}, 0)
    assert result.digest == file_digest(file)[:16] and result.what == "torchvision:resnet18 r.pth"
    assert result.form == {
        "test_resize": 256,
        "test_crop": 224,
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
    }
    network.fc = torch.nn.Identity()
    image = torch.full((1, 3, 224, 224), 0.5)
    with pytest.raises(UsageError, match=r"--weights none\.pth: no such file"):
        find_measurable("torchvision:resnet18", "digits", 0, Path("none.pth"))
    own = _with_weights("torchvision", "resnet18", file)
    with torch.no_grad():
        expected = network.eval()((image - own.mean) / own.std)
        assert torch.equal(own.eval().embed(image), expected)
    with pytest.raises(DataError, match=r"lacks layer1.2.bn1.bias.* \(80 arrays in all\)"):
        _with_weights("torchvision", "resnet34", file)
    with pytest.raises(UsageError, match=r"for timm:NAME, torchvision:NAME .* not for hf:folder"):
        find_measurable("hf:folder", images, 0, file)
    arrays = _digest_of_arrays(own)
    assert arrays == _digest_of_arrays(_with_weights("torchvision", "resnet18", file))
    assert arrays != _digest_of_arrays(Embedding(network, own.form["std"], own.form["mean"]))


def test_own_weights_are_found_behind_a_prefix_unless_two_have_the_network(tmp_path):
    state, file = resnet18().state_dict(), tmp_path / "r.pth"

    def read(*parts, network="resnet18"):
        arrays = [{f"{name}{key}": x for key, x in part.items()} for name, part in parts]
        torch.save({key: x for part in arrays for key, x in part.items()}, file)
        return _digest_of_arrays(_with_weights("torchvision", network, file))

    other = {"0.weight": torch.ones(2, 512), "bn1.weight": torch.ones(9)}
    plain = read(("", state))
    assert plain == read(("module.encoder.", state))
    assert plain == read(("backbone.", state), ("projector.", other))
    narrow = {key: x[:2] if x.ndim else x for key, x in state.items()}
    assert plain == read(("student.", narrow), ("teacher.", state))
    for names in (("module.encoder_q.", "module.encoder_k."), ("", "ema.")):
        with pytest.raises(DataError, match=rf"twice, with {names[0]}conv1\.weight and {names[1]}"):
            read(*((name, state) for name in names))
    with pytest.raises(DataError, match=r"lacks layer1\.2\.bn1\.bias.* \(80 arrays in all\)"):
        read(("module.", state), network="resnet34")


@pytest.mark.parametrize("library", LIBRARIES)
def test_weights_behind_a_librarys_name_are_for_its_network_and_no_recipe(library):
    words = ["evaluate", f"{library}:net", "images", "--weights", "none.pth"]
    assert "--weights none.pth: " in str(CliRunner().invoke(app, words).exception)


def test_a_network_for_another_size_of_images_reads_224_pixels(tmp_path):
    timm = pytest.importorskip("timm")
    from timm.models.vision_transformer import checkpoint_filter_fn

    name, image = "vit_tiny_patch16_384", torch.rand(1, 3, 224, 224)
    whole, file = timm.create_model(name, num_classes=7), tmp_path / "v.pth"
    torch.save(whole.state_dict(), file)
    found = _with_weights("timm", name, file).eval()
    smaller = timm.create_model(name, num_classes=0, img_size=224).eval()
    arrays = checkpoint_filter_fn(whole.state_dict(), smaller)
    smaller.load_state_dict({n: x for n, x in arrays.items() if not n.startswith("head.")})
    with torch.no_grad():
        expected = smaller((image - found.mean) / found.std)
        torch.testing.assert_close(found.embed(image), expected)
    assert _network("timm", "cait_xxs24_384", False).embed(image).shape == (1, 192)


def test_weights_that_cannot_be_downloaded_are_told_in_whole_sentences(monkeypatch):
    def fails(*_):
        raise OSError("Nobody answers, whatever is asked and however long. " * 9)

    monkeypatch.setattr("common.runs.encoders._network", fails)
    with pytest.raises(
        DataError, match=r"could not be downloaded\. .* said: (Nobody.* long\. ){8}"
    ):
        _trained("timm", "resnet18")

    def misled(*_):
        try:
            raise RuntimeError("Failed to download weights from the hub.\nMore")
        except RuntimeError:
            raise DataError("laion2b_e16: not the weights of ViT-B-32: Fail") from None

    monkeypatch.setattr("common.runs.encoders._network", misled)
    with pytest.raises(
        DataError, match=r"not be downloaded.* said: Failed to download weights from"
    ):
        _trained("open_clip", "ViT-B-32/laion2b_e16")
    with pytest.raises(DataError, match="not the weights of ViT-B-32"):
        _trained("open_clip", f"ViT-B-32/{__file__}")


def test_a_function_of_the_users_is_run_on_images_and_on_texts_and_its_hash_is_kept(tmp_path):
    code = tmp_path / "mine.py"
    code.write_text(
        "import torch\n"
        "def colour(images):\n    assert images.shape[1:] == (3, 224, 224)\n"
        "    return images.flatten(2).mean(2)\n"
        "def fails(texts):\n    return length(texts)[9999]\n"
        "def length(texts):\n    return torch.tensor([[float(len(t)), 1.0] for t in texts])\n"
    )
    found = find_measurable(f"{code}:colour", red_and_green(tmp_path / "images"), 0)
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
    with pytest.raises(DataError, match=r"mine\.py:fails: IndexError at line 6 of mine\.py: index"):
        find_measurable(f"{code}:fails", str(tmp_path / "t.csv"), 0)
    # `isotropy` of texts is that of their tokens.
    for figures in texts.encoders.values():
        assert "sentence_isotropy" in figures and "isotropy" not in figures


def test_a_file_of_the_users_may_have_dataclasses_and_is_told_what_has_no_arguments(tmp_path):
    code = tmp_path / "torch.py"
    code.write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\nimport torch\n"
        "@dataclass\nclass Settings:\n    t: float = 0.5\n"
        "def loss(z1, z2): return Settings().t * (z1 - z2).square().mean()\n"
        "compiled = torch.dist\n"
    )
    own = read_own_loss(f"{code}:loss", {})
    assert own(torch.ones(2, 3), torch.zeros(2, 3), None) == 0.5
    assert sys.modules["torch"] is torch
    with pytest.raises(UsageError, match=r"torch\.py:compiled: does not tell its arguments; call"):
        read_own_loss(f"{code}:compiled", {})
    code.write_text("")  # a trial that is still to come takes what was read
    assert replace(own)(torch.ones(2, 3), torch.zeros(2, 3), None) == 0.5


def test_what_is_neither_is_refused_with_what_there_is(tmp_path, monkeypatch):
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
    error = CliRunner().invoke(app, ["evaluate", "nothing.npz"]).exception
    assert isinstance(error, UsageError) and str(error) == "nothing.npz: no such file"
    wrote(tmp_path / "a.npz", x=X)
    for seed, fine in (("01", True), ("-1", False), ("first", False)):
        words = ["evaluate", str(tmp_path / "a.npz"), "--protocol", "isotropy", f"seed={seed}"]
        error = CliRunner().invoke(app, words).exception
        assert error is None if fine else str(error).startswith(f"seed={seed}: a whole number")
    assert split_words(["images", "knn.k=3"]) == ("images", ["knn.k=3"])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "seed=1").mkdir()
    assert split_words(["images", "seed=1"]) == ("images", ["seed=1"])
    with pytest.raises(
        UsageError, match="linear: is a protocol; give each an option: --protocol l"
    ):
        split_words(["linear", "retrieval"])
    with pytest.raises(UsageError, match="one name of data"):
        split_words(["images", "more"])
