"""A path of the user's is recognised, a plan fits it, and all obstacles are told at once."""

import os
import re
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from common.config.recipe import load_recipe
from common.data.modality import DataSets
from common.data.series.readers.files import own_csv
from common.errors import ConfigError, LikewiseError, UsageError
from common.own_data.plan import Plan, make_plan, recognise, without_paper
from common.own_data.show import check_save, expected, save_plan, show_plan
from common.paper import get_paper, paper_names
from common.registry import WINGS

pytestmark = pytest.mark.filterwarnings("ignore:.*prototypes")


def write_images(folder: Path, classes: dict[str, int], size: tuple[int, int] = (80, 72)) -> Path:
    for name, number in classes.items():
        (folder / name).mkdir(parents=True)
        for index in range(number):
            pixels = np.full((*size[::-1], 3), index, np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{index}.png")
    return folder


def write_csv(path: Path, header: str, rows: list[str]) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def hourly(path: Path, number: int, replaced: dict[int, str] | None = None) -> Path:
    start = datetime(2024, 1, 1)
    rows = [f"{start + timedelta(hours=hour)},{hour % 24}.5,{hour % 7},A" for hour in range(number)]
    for place, row in (replaced or {}).items():
        rows[place] = row
    return write_csv(path, "when,load,temp,site", rows)


def plan(paper: str, path: Path, *words: str) -> Plan:
    return make_plan(paper, str(path), list(words))


def refusal(paper: str, path: Path, *words: str) -> str:
    with pytest.raises(UsageError) as caught:
        plan(paper, path, *words)
    return str(caught.value)


PLANNED = {name for kind in WINGS for name, each in DataSets(kind).sets() if each.plan}


@pytest.mark.parametrize("paper", paper_names())
def test_the_recipes_for_own_data_are_there_and_are_of_data_sets_that_can_be_planned(paper):
    for form, recipe in get_paper(paper).own_data.items():
        assert form in PLANNED
        assert load_recipe(f"{paper}/{recipe}").paper == paper


def test_every_own_data_set_of_a_paper_can_be_planned():
    own = {"csv", "file", "folder", "hetero-data", "image-folder", "image-table", "labelled"}
    pairs = {"caption-shards", "caption-table", "coco-captions"}
    texts = {"entries", "lines", "pairs"}
    assert own | pairs | texts | {"answered-table", "ow-dfa", "table", "volume-table"} == PLANNED


def test_a_folder_with_classes_is_measured_with_labels(tmp_path):
    found = plan("swav", write_images(tmp_path / "photos", {"a": 30, "b": 30}))
    recipe = found.recipe
    assert recipe.data.name == "image-folder" and recipe.evaluation.protocols == ["knn", "linear"]
    assert recipe.method.num_prototypes <= recipe.data.batch_size + recipe.method.queue_length
    assert recipe.data.batch_size * 2 <= 60
    assert max(view.size for view in recipe.data.views) <= 72
    assert recipe.data.test_crop <= 72


def test_the_cores_that_the_process_may_use_are_planned_with(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    found = plan("swav", write_images(tmp_path / "photos", {"a": 30, "b": 30}))
    assert found.recipe.data.workers == 1 and " on 1 idle CPU core, " in expected(found)


@pytest.mark.parametrize(
    ("paper", "kept"), [("swav", []), ("pixpro", ["correspondence"]), ("amcl", ["pair-auc"])]
)
def test_without_labels_what_needs_none_is_measured(paper, kept, tmp_path):
    found = plan(paper, write_images(tmp_path / "photos", {".": 40}))
    assert found.recipe.evaluation.protocols == kept
    # SwAV measures nothing, and PixPro learns little from few images.
    assert bool(found.notes) == (paper != "amcl")


@pytest.mark.parametrize(
    ("folders", "give"),
    [
        (["photos/a", "photos/b"], "give {folder}/photos"),
        (["in/ner/train/a", "in/ner/test/a"], "give {folder}/in/ner"),
        (["train/in/a", "train/in/b", "test/in/a"], "move what it holds into {folder}/train"),
    ],
)
def test_classes_that_lie_too_deep_are_named(tmp_path, folders, give):
    folder = write_images(tmp_path, dict.fromkeys(folders, 20))
    (note,) = [one for one in plan("swav", folder).notes if "too deep" in one]
    assert note.endswith(f"; for classes, {give.format(folder=folder)}.")
    assert note.rstrip(".") in refusal("hydra", folder)


def test_one_class_is_not_said_to_be_too_deep(tmp_path):
    folder = write_images(tmp_path, {"a": 20})
    assert not any("too deep" in one for one in plan("swav", folder).notes)


@pytest.mark.parametrize("label", ["cat", "1"])
def test_a_table_beside_images_is_said_to_become_folders(tmp_path, label):
    folder = write_images(tmp_path / "flat", {".": 20})
    mend = f"labels.csv: its column file_name names images; .* and give {folder}"
    assert not re.search(mend, " ".join(plan("swav", folder).notes))
    rows = ["gone.png,cat", *(f"{number}.png,{label}" for number in range(20))]
    table = write_csv(folder / "labels.csv", "file_name,label", rows)
    said = refusal("swav", table)
    assert re.search(mend, said) and "column of sentences" not in said
    assert re.search(mend, without_paper(str(table)))
    assert re.search(mend, " ".join(plan("swav", folder).notes))
    (folder / "broken.csv").write_bytes(b"\xff")
    assert plan("swav", folder)


def test_a_table_of_texts_and_numbers_may_be_trained_on_either_and_kinds_are_told_once(tmp_path):
    table = tmp_path / "reviews.csv"
    table.write_text("text,stars\n" + "".join(f"a good book {n},{n % 5}\n" for n in range(20)))
    said = refusal("swav", table)
    assert "data.columns=[NAME]" in said and said.count("as tables") == 1
    table.write_text("word,stars\n" + "".join(f"book{n},{n % 5}\n" for n in range(20)))
    assert "data.columns" not in refusal("swav", table)


def test_a_table_without_images_beside_it_is_still_a_column_of_sentences(tmp_path):
    table = write_csv(tmp_path / "labels.csv", "file_name,label", ["a.png,cat", "b.png,dog"])
    assert "a column of sentences" in refusal("swav", table)


@pytest.mark.parametrize(
    ("val", "instead"),
    [
        ({}, "a share of the labelled images is taken instead"),
        ({"val/a": 4, "val/b": 4}, "val/ is taken instead"),
    ],
)
def test_a_test_part_without_classes_is_an_obstacle_where_classes_measure(tmp_path, val, instead):
    folder = write_images(tmp_path, {"train/a": 30, "train/b": 30, "test": 9, **val})
    said = f"{folder}: its test images have no classes; move them out of the folder, and {instead}"
    assert refusal("swav", folder) == said
    assert plan("swav", folder, "evaluation.protocols=[]")
    (folder / "test").rename(tmp_path.parent / f"{tmp_path.name}-test")
    assert plan("swav", folder).recipe.evaluation.protocols == ["knn", "linear"]


def test_images_of_more_than_8_bits_are_counted_and_can_be_left_out(tmp_path):
    folder = write_images(tmp_path, {"a": 30, "b": 30})
    for name in ("a/3.png", "b/0.png"):
        Image.fromarray(np.full((72, 80), 900, np.uint16)).save(folder / name)
    said = refusal("swav", folder)
    assert said.startswith(f"{folder}/a/3.png: ") and "as 2 of 60 looked at" in said
    assert said.endswith("or leave them out: data.skip_unreadable=true")
    assert plan("swav", folder, "data.skip_unreadable=true")
    for path in folder.glob("*/*.png"):
        Image.fromarray(np.full((72, 80), 900, np.uint16)).save(path)
    assert "skip_unreadable" not in refusal("swav", folder)


def test_few_test_images_are_told_with_the_sampling_error_of_an_accuracy(tmp_path):
    folder = write_images(tmp_path / "photos", {"cat": 40, "dog": 40})
    (note,) = [one for one in plan("swav", folder).notes if "sampling error" in one]
    assert "about 16 test images" in note and "± 25 points" in note


def test_what_learns_from_labels_refuses_images_without_them_and_too_few_classes(tmp_path):
    assert "photos" in refusal("hydra", write_images(tmp_path / "photos", {".": 20}))
    two = write_images(tmp_path / "two", {"a": 20, "b": 20})
    assert "three" in refusal("hydra", two)
    assert plan("hydra", two, "method.pairs=identical").recipe.method.pairs == "identical"


def test_sepclr_says_which_class_is_the_background_and_which_the_target(tmp_path):
    folder = write_images(tmp_path / "photos", {"b": 20, "a": 20, "c": 20})
    for word, said in (
        ((), "a is the background and b, c the"),
        (
            ("method.target_from=2",),
            "a, b is the background and c the",
        ),
    ):
        assert any(said in note for note in plan("sepclr", folder, *word).notes)


def test_a_queue_holds_fewer_keys_than_there_are_images(tmp_path) -> None:
    recipe = plan("mochi", write_images(tmp_path / "photos", {".": 60})).recipe
    assert recipe.method.num_hard <= recipe.method.queue_length <= 24
    assert recipe.method.queue_length % recipe.data.batch_size == 0


def test_a_word_of_the_users_wins_and_the_rest_is_fitted_to_it(tmp_path):
    folder = write_images(tmp_path / "photos", {"a": 40, "b": 40})
    found = plan("swav", folder, "data.batch_size=10", "method.num_prototypes=30")
    method = found.recipe.method
    assert (found.recipe.data.batch_size, method.num_prototypes) == (10, 30)
    assert method.queue_length % 10 == 0 and method.queue_length + 10 >= 30
    assert "data.batch_size" not in found.choices


def test_the_length_is_planned_unless_a_variant_or_a_file_of_the_users_sets_it(tmp_path):
    folder = write_images(tmp_path / "images", {"a": 20, "b": 20})
    planned = plan("swav", folder).recipe.trainer.epochs
    assert plan("swav/quick:two-crops", folder).recipe.trainer.epochs == planned
    assert plan("swav/quick:small-batch", folder).recipe.trainer.epochs == 15
    own = tmp_path / "mine.yaml"
    own.write_text("paper: swav\nevaluation: {protocols: [knn]}\ntrainer: {epochs: 9}\n")
    assert plan(str(own), folder).recipe.trainer.epochs == 9


def test_views_are_those_of_photos_whatever_the_images_and_fitted_where_a_recipe_is_named(tmp_path):
    folder = write_images(tmp_path / "photos", {"a": 40, "b": 40}, (40, 48))

    def sizes(reference: str) -> list[int]:
        return [view.size for view in plan(reference, folder).recipe.data.views]

    assert (sizes("swav"), sizes("swav/imagenet")) == ([64, 32], [40, 17])


def test_all_obstacles_are_told_at_once(tmp_path):
    folder = write_images(tmp_path / "photos", {".": 20})
    said = refusal("hydra", folder, "data.batch_size=64")
    assert "labels" in said and "data.batch_size=64" in said
    rows = {7: "2024-01-01 07:00:00,,1,A", 20: "2024-01-09 20:00:00,1.0,1,A"}
    said = refusal("autotcl", hourly(tmp_path / "broken.csv", 300, rows))
    assert "line 9" in said and "line 22" in said


def test_a_wrong_word_is_refused_as_in_any_recipe(tmp_path):
    folder = write_images(tmp_path / "photos", {".": 20})
    for word in ("data.batch_size=many", "data.bach_size=8", "trainer.epochs=-1"):
        with pytest.raises(ConfigError):
            plan("swav", folder, word)


def test_a_series_is_split_and_its_horizons_fit_the_shortest_part(tmp_path):
    recipe = plan("autotcl", hourly(tmp_path / "load.csv", 400)).recipe
    assert (recipe.data.name, recipe.data.date, recipe.data.targets) == (
        "csv",
        "when",
        ["load", "temp"],
    )
    assert max(recipe.evaluation.forecasting.horizons) < 80
    assert recipe.data.length <= 240 and recipe.data.batch_size <= 240 // recipe.data.length
    assert "120" in refusal("autotcl", hourly(tmp_path / "short.csv", 40))


def test_the_same_csv_is_a_table_for_a_paper_that_takes_tables(tmp_path):
    path = hourly(tmp_path / "load.csv", 400)
    assert "data.target" in refusal("supremix", path)
    data = plan("supremix", path, "data.target=load").recipe.data
    assert (data.name, data.drop) == ("table", ["when", "site"])
    assert plan("supremix:l1", path, "data.target=load").recipe.baseline == "regressor"


def test_a_column_of_text_becomes_columns_and_the_window_follows_the_label(tmp_path):
    rows = [f"{n},{'ab'[n % 2]},{1000 * n}" for n in range(100)]
    path = write_csv(tmp_path / "t.csv", "x,kind,price", rows)
    recipe = plan("supremix", path, "data.target=price").recipe
    assert recipe.data.categorical == ["kind"]
    assert 5_000 < recipe.method.window < 20_000
    assert "pryce" in refusal("supremix", path, "data.target=pryce")


def test_a_column_split_of_a_table_is_neither_an_input_nor_left_out(tmp_path):
    rows = [f"{n},{('train', 'test')[n % 5 == 0]},{n * n % 97}" for n in range(100)]
    path = write_csv(tmp_path / "t.csv", "x,split,price", rows)
    recipe = plan("supremix", path, "data.target=price").recipe
    assert recipe.data.categorical == [] and recipe.data.drop == []
    assert "no column to predict from" in refusal(
        "supremix", path, "data.target=price", "data.drop=[x]"
    )
    kinds = plan("supremix", path, "data.target=price", "data.drop=[x]", "data.categorical=[split]")
    assert kinds.recipe.data.categorical == ["split"]


def test_a_plan_counts_the_training_lines_of_a_column_split(tmp_path):
    def batches(name, second):
        rows = [f"{n},{('train', second, 'test', 'test')[n % 4]},{n * n % 97}" for n in range(160)]
        path = write_csv(tmp_path / name, "x,Split,price", rows)
        return plan("supremix", path, "data.target=price").choices["data.batch_size"].why

    # Without a line of "val" the hold-out comes from the training lines.
    assert batches("val.csv", "val") == "about 40 training samples"
    assert batches("none.csv", "test") == "about 36 training samples"


def test_a_column_without_a_name_holds_dates_or_the_lines_numbers(tmp_path):
    header, *rows = hourly(tmp_path / "load.csv", 200).read_text().splitlines()
    data = plan("autotcl", write_csv(tmp_path / "dates.csv", ",load,temp,site", rows)).recipe.data
    assert (data.date, data.targets) == ("", ["load", "temp"])
    assert own_csv(data).dates[1] == datetime(2024, 1, 1, 1)
    numbered = [f"{number},{row}" for number, row in enumerate(rows)]
    path = write_csv(tmp_path / "numbers.csv", f",{header}", numbered)
    assert plan("autotcl", path).recipe.data.targets == ["load", "temp"]
    assert plan("supremix", path, "data.target=load").recipe.data.drop == ["", "when", "site"]


def test_users_with_too_few_actions_are_left_out_with_a_core(tmp_path):
    rows = [f"u{u}\ti{(u + t) % 9}" for u in range(40) for t in range(2 if u == 0 else 8)]
    path = write_csv(tmp_path / "clicks.inter", "user_id:token\titem_id:token", rows)
    found = plan("mclrec", path)
    recipe = found.recipe
    assert (recipe.data.name, recipe.data.core) == ("file", 3)
    assert recipe.data.max_length == 8 - 2 and "8 actions" in found.choices["data.max_length"].why
    assert "two of them held out" in found.choices["data.max_length"].why
    short = write_csv(tmp_path / "one.inter", "user_id:token\titem_id:token", rows[:2])
    assert "3 actions" in refusal("mclrec", short)


def test_actions_are_ordered_by_a_column_of_dates_whatever_its_name(tmp_path):
    rows = [f"u{n % 9},i{n % 5},{31 - n % 28:02}.01.2024 12:00" for n in range(90)]
    path = write_csv(tmp_path / "log.csv", "kunde,artikel,gekauft am", rows)
    found = plan("mclrec", path, "data.user=kunde", "data.item=artikel")
    assert found.recipe.data.time == "gekauft am"
    assert "data.time=NAME" in refusal("mclrec", path)
    assert "dates in gekauft am that are not in order" in refusal("mclrec", path)


def test_meta_paths_are_those_over_each_linked_type(tmp_path):
    write_csv(tmp_path / "nodes.csv", "type,count", ["paper,60", "author,9", "subject,4"])
    for other in ("author", "subject"):
        rows = [f"{n},{n % 4}" for n in range(60)]
        write_csv(tmp_path / f"paper-{other}.csv", f"paper,{other}", rows)
    assert "labels.csv" in refusal("meow", tmp_path)
    write_csv(tmp_path / "labels.csv", "node,class", [f"{n},{n % 3}" for n in range(60)])
    data = plan("meow", tmp_path).recipe.data
    assert data.metapaths == ["paper-author-paper", "paper-subject-paper"]
    assert len(data.top_k) == len(data.edge_mask) == 2
    assert max(data.labels_per_class) < 20
    gaps = [f"{n},{n % 3 or ''}" for n in range(60)]
    write_csv(tmp_path / "labels.csv", "node,class", gaps)
    assert sum(recognise(tmp_path).labels["paper"]) == 40


def test_a_paper_that_takes_other_data_names_the_papers_that_take_these(tmp_path):
    said = refusal("autotcl", write_images(tmp_path / "photos", {".": 3}))
    assert "swav" in said and "mclrec" not in said
    text = tmp_path / "poem.txt"
    text.write_text("roses are red\nviolets are blue\n")
    assert "simcse" in refusal("swav", text)


def test_a_path_with_nothing_is_said_not_to_exist(tmp_path):
    assert "does not exist" in refusal("swav", tmp_path / "photos")
    with pytest.raises(LikewiseError):
        plan("swav", tmp_path)


def test_a_saved_plan_is_the_same_recipe_and_nothing_is_written_over(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = write_images(tmp_path / "photos", {"a": 30, "b": 30})
    found = plan("swav", folder, "seed=3", "trainer.epochs=7")
    file = tmp_path / "mine.yaml"
    save_plan(found, file)
    loaded = load_recipe(str(file))
    assert loaded.hash() == found.recipe.hash()
    assert {**loaded.to_dict(), "recipe": ""} == {**found.recipe.to_dict(), "recipe": ""}
    before = file.read_text()
    for name in ("mine.yaml", "quick.yaml", "mine.txt", "none/mine.yaml"):
        with pytest.raises(UsageError):
            check_save(tmp_path / name, "swav")
    assert file.read_text() == before and not (tmp_path / "quick.yaml").exists()


def test_the_plan_says_every_value_that_it_chose_with_its_reason(tmp_path):
    found = plan("swav", write_images(tmp_path / "photos", {".": 40}))
    console = Console(record=True, width=200)
    show_plan(found, console)
    said = console.export_text()
    for key, choice in found.choices.items():
        assert key in said and choice.why in said
        assert found.recipe.origins[key] == "the plan"
    assert "Expected time" in said


def test_lines_of_text_get_stages_of_as_many_updates_as_quick_and_measure_without_scores(tmp_path):
    (tmp_path / "texts.txt").write_text("the cat sat on the mat\n" * 500)
    found = plan("simcse", tmp_path / "texts.txt")
    recipe = found.recipe
    assert (recipe.data.name, recipe.data.max_length) == ("lines", 8)
    assert recipe.evaluation.protocols == ["isotropy"]
    updates = 400 // recipe.data.batch_size
    assert recipe.method.pretrain_epochs * updates == pytest.approx(1560, rel=0.05)
    assert recipe.trainer.epochs > recipe.method.pretrain_epochs
    with pytest.raises(UsageError, match="papers train dse"):
        plan("dse", tmp_path / "texts.txt")


def test_a_length_of_the_users_leaves_both_stages_of_text_their_shares(tmp_path):
    (tmp_path / "texts.txt").write_text("the cat sat on the mat\n" * 500)
    for epochs, words in ((1, 0), (100, 94)):
        found = plan("simcse", tmp_path / "texts.txt", f"trainer.epochs={epochs}")
        assert found.recipe.method.pretrain_epochs == words
        why = found.choices["method.pretrain_epochs"].why
        assert ("too few" in why) == (not words)


def test_the_counts_of_a_plan_are_those_that_the_training_has(tmp_path):
    texts = tmp_path / "texts.txt"
    texts.write_text("the cat sat on the mat\n" * 64)
    found = plan("simcse", texts)
    assert "of 52 texts" in found.choices["data.batch_size"].why
    assert found.found.describe() == "64 lines of text, 6 words in most"
    found = plan("autotcl", hourly(tmp_path / "load.csv", 400), "trainer.epochs=1")
    assert found.choices["trainer.checkpoint_every_epochs"].why == "a checkpoint an epoch"


def test_prototypes_train_for_half_of_a_single_epoch(tmp_path):
    folder = write_images(tmp_path / "photos", {"a": 60, "b": 60})
    recipe = plan("swav", folder, "trainer.epochs=1").recipe
    assert recipe.data.batch_size == 16 and 0 < recipe.method.freeze_batches <= 3


def test_a_short_training_gets_few_prototypes(tmp_path):
    folder = write_images(tmp_path / "photos", dict.fromkeys("abcd", 200))
    found = plan("swav", folder, "trainer.epochs=15").recipe
    longer = plan("swav", folder, "trainer.epochs=100").recipe
    batches = 15 * (720 // found.data.batch_size)
    assert found.method.num_prototypes == batches // 10 <= found.data.batch_size
    assert found.method.queue_length == 0
    assert longer.method.num_prototypes == 72 and longer.method.queue_length > 0


def test_a_kept_plan_takes_a_shorter_training_as_the_plan_does(tmp_path):
    found = plan("swav", write_images(tmp_path / "photos", {"a": 30, "b": 30}))
    found.recipe.optimizer.warmup_epochs = 3
    save_plan(found, tmp_path / "mine.yaml")
    short = load_recipe(str(tmp_path / "mine.yaml"), ["trainer.epochs=2"])
    assert (short.trainer.epochs, short.optimizer.warmup_epochs) == (2, 0)


@pytest.mark.parametrize("paper", ["simcse", "whitenedcse"])
def test_a_language_model_that_is_given_goes_on_with_the_contrast_alone(tmp_path, paper):
    (tmp_path / "texts.txt").write_text("the cat sat on the mat\n" * 500)
    recipe = plan(paper, tmp_path / "texts.txt", "method.encoder.checkpoint=folder").recipe
    assert recipe.method.pretrain_epochs == 0 < recipe.trainer.epochs
    assert (recipe.optimizer.lr, recipe.optimizer.final_lr) == (3e-5, 0.0)
    assert recipe.data.tokenizer == "folder"
    assert getattr(recipe.method, "groups", 128) == 128  # quick's 16 are of a small encoder
    words = ["method.encoder.checkpoint=folder", "data.tokenizer=other", "optimizer.lr=1e-4"]
    recipe = plan(paper, tmp_path / "texts.txt", *words).recipe
    assert (recipe.data.tokenizer, recipe.optimizer.lr) == ("other", 1e-4)
    published = plan(f"{paper}/wikipedia", tmp_path / "texts.txt", words[0]).recipe
    assert published.optimizer.lr == load_recipe(f"{paper}/wikipedia").optimizer.lr
    assert published.data.tokenizer == "folder"


def write_pairs(path: Path, header: str, *values: str) -> Path:
    rows = [f"the cat {n} sat,a dog {n % 7} ran,{values[n % len(values)]}" for n in range(100)]
    return write_csv(path, header, rows)


@pytest.mark.parametrize(
    ("header", "values", "task"),
    [
        ("sentence1,sentence2,score", ("0.5", "4", "2.25"), "regression"),
        ("Text 1,Text 2,label", ("0", "1"), "binary"),
        ("premise,hypothesis,gold_label", ("no", "maybe", "yes"), "multi-class"),
        ("question1,question2,class", ("0", "1", "2"), "multi-class"),
        ("sentence1,sentence2,score", ("0", "1", "2"), "regression"),
    ],
)
def test_pairs_get_the_task_of_their_target(tmp_path, header, values, task):
    path = write_pairs(tmp_path / "pairs.csv", header, *values)
    recipe = plan("dse", path).recipe
    assert [*recipe.data.columns, recipe.data.target] == header.split(",")
    outputs = len(values) if task == "multi-class" else 1
    assert (recipe.method.task, recipe.method.outputs) == (task, outputs)
    assert recipe.method.teacher == "trained"
    assert 0 < recipe.method.teacher_epochs < recipe.trainer.epochs
    recipe = plan("simcse", path).recipe
    assert recipe.data.apart and recipe.method.pretrain_epochs > 0
    assert ("sts" in recipe.evaluation.protocols) == (task != "multi-class")


def test_a_length_of_the_users_leaves_teacher_and_student_their_shares(tmp_path):
    path = write_pairs(tmp_path / "pairs.csv", "sentence1,sentence2,score", "0", "1")
    for epochs, teacher in ((2, 1), (30, 9)):
        recipe = plan("dse", path, f"trainer.epochs={epochs}").recipe
        assert (recipe.trainer.epochs, recipe.method.teacher_epochs) == (epochs, teacher)
    words = "trainer.epochs=2 method.teacher_epochs=1"
    assert words in refusal("dse", path, "trainer.epochs=1")
    assert plan("dse", path, *words.split()).recipe.trainer.epochs == 2


def test_columns_of_pairs_that_are_called_otherwise_are_named(tmp_path):
    path = write_pairs(tmp_path / "pairs.csv", "x,y,z", "0.5", "2")
    assert "data.columns=[NAME,NAME]" in refusal("dse", path)
    said = refusal("dse", path, "data.columns=[x,y]")
    assert "data.target=NAME" in said
    data = plan("dse", path, "data.columns=[x,y]", "data.target=z").recipe.data
    assert (data.name, data.columns, data.target) == ("pairs", ["x", "y"], "z")
    data = plan("simcse", path, "data.columns=[x]").recipe.data
    assert (data.apart, data.target) == (True, None)
    assert "papers train defsent_plus" in refusal("defsent_plus", path, "data.columns=[x,y]")
    two = write_pairs(tmp_path / "two.csv", "sentence1,sentence2,score,label", "1,2")
    assert "data.target=score" in refusal("dse", two)
    gap = write_pairs(tmp_path / "gap.csv", "sentence1,sentence2,score", "1", "")
    assert "line 3" in refusal("dse", gap)


def test_a_file_of_ett_gets_the_split_that_everybody_reports_on(tmp_path):
    from common.data.series.readers.files import own_csv

    rows = [
        f"{datetime(2016, 7, 1) + timedelta(hours=n)},{n % 24},1,2,3,4,5,6" for n in range(14_500)
    ]
    header = "date,HUFL,HULL,MUFL,MULL,LUFL,LULL,OT"
    path = write_csv(tmp_path / "ETTh1.csv", header, rows)
    found = plan("autotcl", path)
    assert found.recipe.data.parts == [8640, 2880, 2880]
    assert "12, 4 and 4 months" in found.choices["data.parts"].why
    read = own_csv(found.recipe.data)
    assert (
        read.parts == ((0, 8640), (8640, 11_520), (11_520, 14_400)) and len(read.values) == 14_400
    )
    assert plan("autotcl", path, "data.shares=[0.6,0.2,0.2]").recipe.data.parts == []
    assert plan("autotcl", path, "data.parts=[9000,2000,2000]").recipe.data.parts[0] == 9000
    assert "14500 lines" in refusal("autotcl", path, "data.parts=[9000,2000,9000]")
    with pytest.raises(ConfigError, match=r"data\.parts"):
        plan("autotcl", path, "data.parts=[9000,2000]")


def two_types(path: Path) -> Path:
    import torch
    from torch_geometric.data import HeteroData

    data = HeteroData()
    data["paper"].x, data["paper"].y = torch.rand(60, 4), torch.arange(60) % 2
    data["author"].num_nodes = 10
    ends = torch.stack([torch.arange(60), torch.arange(60) % 10])
    data["paper", "by", "author"].edge_index = ends
    data["author", "wrote", "paper"].edge_index = ends.flip(0)
    torch.save(data.to_dict(), path)
    return path


def test_a_graph_says_which_relations_it_joins_and_which_type_has_no_labels(tmp_path):
    path = two_types(tmp_path / "graph.pt")
    (note,) = plan("meow", path).notes
    assert "paper-by-author and author-wrote-paper" in note and "direction" in note
    said = refusal("meow", path, "data.target=author")
    assert "author has no labels" in said and "evaluation.protocols=[]" in said
    found = plan("meow", path, "data.target=author", "evaluation.protocols=[]")
    assert found.recipe.data.metapaths == ["author-paper-author"]
    assert "paper, author" in refusal("meow", path, "data.target=venue")


def test_a_number_of_nodes_may_be_a_tensor(tmp_path):
    import torch

    data = torch.load(two_types(tmp_path / "graph.pt"), weights_only=True)
    data["author"] = {"num_nodes": torch.tensor(200)}
    torch.save(data, tmp_path / "graph.pt")
    words = ("data.target=author", "evaluation.protocols=[]")
    recipe = plan("meow", tmp_path / "graph.pt", *words).recipe
    assert recipe.data.top_k == [50] and min(recipe.method.num_clusters) > 2


@pytest.mark.parametrize("form", ["object", "dict", "set", "root of a set"])
def test_a_graph_of_one_type_is_read_with_the_links_between_its_nodes(tmp_path, form):
    import torch
    from torch_geometric.data import Data

    from common.data.graphs.graph import get_labels, get_splits, node_counts
    from common.data.graphs.readers.hetero import read_hetero_data

    nodes = torch.arange(90)
    mask = nodes % 3
    data = Data(x=torch.rand(90, 4), y=nodes % 2, edge_index=torch.stack([nodes, nodes.flip(0)]))
    data.train_mask, data.val_mask, data.test_mask = mask == 0, mask == 1, mask == 2
    stored = {"object": data, "dict": data.to_dict(), "set": (data.to_dict(), None, Data)}
    path = tmp_path / "graph.pt"
    if form == "root of a set":
        (path / "processed").mkdir(parents=True)
    file = path / "processed/data.pt" if path.is_dir() else path
    torch.save(stored[form.removeprefix("root of a ")], file)
    recipe = plan("meow", path).recipe
    assert recipe.data.metapaths == ["node-node-node"]
    graph = read_hetero_data(recipe.data, 0)
    assert node_counts(graph) == {"node": 90} and get_labels(graph).tolist() == (nodes % 2).tolist()
    assert [len(part) for part in get_splits(graph)[15]] == [30, 30, 30]


def test_series_with_classes_are_counted_as_they_are_read(tmp_path):
    for part, steps in (("TRAIN", 20), ("TEST", 30)):
        first, second = (",".join(["1"] * number) for number in (5, steps))
        rows = [f"{first}:{second}:{label}" for label in ("a", " a", "b", "b ")]
        (tmp_path / f"Own_{part}.ts").write_text("\n".join(["@data", *rows]))
    found = recognise(tmp_path / "Own_TRAIN.ts")
    assert (found.num, found.steps, found.classes) == (4, 20, 2)
    (tmp_path / "Own_TEST.ts").unlink()
    assert "Own_TEST.ts" in refusal("autotcl", tmp_path / "Own_TRAIN.ts")


def test_lines_that_a_series_lacks_are_counted_and_may_be_filled(tmp_path):
    path = hourly(tmp_path / "load.csv", 300)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:50], *lines[53:90], *lines[91:]]))
    said = refusal("autotcl", path)
    assert "line 51" in said and "4 lines are missing" in said and "data.fill=linear" in said
    data = plan("autotcl", path, "data.fill=linear").recipe.data
    assert data.fill == "linear" and data.date == "when"


def test_a_dictionary_is_planned_and_its_lines_are_texts_of_other_papers(tmp_path):
    lines = [f"word{n}\ta b {n}<|list_more_def|>c {n} d<|list_more_def|>e f" for n in range(60)]
    (tmp_path / "dictionary.txt").write_text("\n".join(lines), encoding="utf-16")
    found = plan("defsent_plus", tmp_path / "dictionary.txt")
    assert found.choices["data.name"].why
    recipe = found.recipe
    assert recipe.data.name == "entries" and "sts" not in recipe.evaluation.protocols
    assert recipe.trainer.epochs == recipe.method.rounds * recipe.method.round_epochs > 0
    assert plan("simcse", tmp_path / "dictionary.txt").recipe.data.name == "lines"


@pytest.mark.parametrize("line", ["今天天气很好", "word"])
def test_texts_without_blanks_are_no_log_of_actions(tmp_path, line):
    (tmp_path / "texts.txt").write_text("\n".join(f"{line}{n}" for n in range(60)))
    assert recognise(tmp_path / "texts.txt").forms == ("lines",)


def test_an_index_of_pandas_is_no_input_and_no_target(tmp_path):
    rows = [f"{n},{n},{n % 5},{n % 7}.5" for n in range(200)]
    path = write_csv(tmp_path / "t.csv", "Unnamed: 0.1,Unnamed: 0,a,y", rows)
    data = plan("supremix", path, "data.target=y").recipe.data
    assert data.drop == ["Unnamed: 0.1", "Unnamed: 0"]
    assert plan("autotcl", path).recipe.data.targets == ["a", "y"]
    assert "one of a, y" in refusal("supremix", path)


def test_decimal_commas_are_said_wherever_a_column_of_numbers_is_missed(tmp_path):
    rows = [f"{n};{n % 9},5;{n % 7};{n % 5}" for n in range(200)]
    path = write_csv(tmp_path / "t.csv", ";weight;age;y", rows)
    said = refusal("supremix", path, "data.target=y")
    assert "weight" in said and "3.5 for 3,5" in said and "data.drop=[weight]" in said
    assert plan("supremix", path, "data.target=y", "data.drop=[weight]").recipe.data.drop
    assert "age, y; commas make the numbers of weight text" in refusal(
        "supremix", path, "data.target=weight"
    )
    text = hourly(tmp_path / "load.csv", 200).read_text().replace(",", ";").replace(".", ",")
    (tmp_path / "load.csv").write_text(text)
    said = refusal("autotcl", tmp_path / "load.csv")
    assert "3.5 for 3,5" in said and "data.targets=[temp]" in said
    every = [f"{row.split(';')[0]};{n % 9},5" for n, row in enumerate(text.splitlines()[1:])]
    assert "numbers of load text" in refusal(
        "autotcl", write_csv(tmp_path / "one.csv", "when;load", every)
    )


def test_commas_between_thousands_are_said_and_so_is_what_else_a_column_holds(tmp_path):
    first = datetime(2024, 1, 1)
    for name, cell in (("us", '"1,0{:02},999.5"'), ("de", '"1.0{:02},5"')):
        rows = [f"{first + timedelta(hours=n)},{cell.format(n % 9)}" for n in range(200)]
        said = refusal("autotcl", write_csv(tmp_path / f"{name}.csv", "when,load", rows))
        assert "numbers of load text" in said and "10523 for 10,523" in said
    rows = [f"{first + timedelta(hours=n)},{n % 9}%" for n in range(200)]
    path = write_csv(tmp_path / "share.csv", "when,load", rows)
    assert 'load holds "0%"' in refusal("autotcl", path)


def test_a_time_in_numbers_is_no_target_unless_it_is_named(tmp_path):
    rows = [f"{1_700_000_000 + 60 * n},{n % 7}" for n in range(200)]
    path = write_csv(tmp_path / "t.csv", "timestamp,load", rows)
    found = plan("autotcl", path)
    assert found.recipe.data.targets == ["load"]
    assert "timestamp" in found.choices["data.targets"].why
    assert plan("autotcl", path, "data.targets=[timestamp]").recipe.data.targets == ["timestamp"]
    said = refusal("autotcl", path, "data.targets=[Load]")
    assert "no column Load; it has timestamp, load" in said


def test_several_series_in_one_file_are_not_said_to_be_one_without_dates(tmp_path):
    dates = (datetime(2024, 1, 1) + timedelta(hours=n) for n in range(200))
    rows = [f"{date},{site},{place}.5" for date in dates for place, site in enumerate("ab")]
    said = refusal("autotcl", write_csv(tmp_path / "long.csv", "date,site,load", rows))
    assert "line 3" in said and "one series a file" in said and "data.date=null" not in said


def test_a_class_that_is_not_known_and_a_score_with_a_comma_are_refused(tmp_path):
    pairs = write_pairs(tmp_path / "snli.csv", "premise,hypothesis,gold_label", "no", "-", "yes")
    said = refusal("dse", pairs)
    assert "line 3: column 'gold_label' holds \"-\", which is no class" in said
    assert plan("simcse", pairs).recipe.data.apart
    rows = [f"a b {n};c d {n};{n % 5},5" for n in range(60)]
    path = write_csv(tmp_path / "scores.csv", "sentence1;sentence2;score", rows)
    assert "numbers of score text" in refusal("dse", path)
    assert plan("dse", path, "data.classes=true").recipe.method.outputs == 5


def test_pairs_are_counted_by_their_column_split(tmp_path):
    rows = [f"a b {n},c d {n},{n % 5},{('train', 'dev')[n % 4 == 0]}" for n in range(120)]
    path = write_csv(tmp_path / "split.csv", "sentence1,sentence2,score,split", rows)
    assert plan("dse", path).choices["data.batch_size"].why == "of 90 pairs"
    assert plan("simcse", path).choices["data.batch_size"].why == "of 180 texts"


def test_words_that_leave_no_epoch_of_the_contrast_are_refused(tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(f"text number {n}" for n in range(100)))
    said = refusal("simcse", path, "trainer.epochs=3", "method.pretrain_epochs=3")
    assert "method.pretrain_epochs=3: no epoch of the contrast is left" in said
    assert plan("simcse", path, "trainer.epochs=3", "method.pretrain_epochs=2").recipe


def test_splits_within_classes_are_not_mixed(tmp_path):
    folder = write_images(tmp_path / "mixed", {"cat/train": 9, "cat/test": 3, "dog/train": 9})
    with pytest.raises(LikewiseError, match=r"cat and others hold test and train.*: test/cat$"):
        plan("swav", folder)


def test_images_in_a_form_that_is_not_read_are_counted(tmp_path):
    folder = write_images(tmp_path / "images", {"cat": 20, "dog": 20})
    (folder / "cat" / "IMG_1.HEIC").write_bytes(b"")
    with pytest.warns(UserWarning, match=r"1 images are left out, such as cat/IMG_1\.HEIC"):
        assert recognise(folder).splits == {"train": 40}


def test_a_folder_of_nodes_without_types_is_told_what_its_files_hold(tmp_path):
    write_csv(tmp_path / "nodes.csv", "id,x,label", ["0,1.5,a", "1,2.5,b"])
    said = refusal("meow", tmp_path)
    assert "nodes.csv: lists no type of nodes; its lines are type,count" in said
