import json
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import PurePath

import pytest

from common.config.build import build
from common.config.checkout import SOURCE_ROOT
from common.config.protocols import without_unasked
from common.config.recipe import SECTIONS, load_recipe, section_defaults
from common.config.schema import Recipe
from common.paper import get_paper, paper_names
from common.results.configuration import _stored, flat_config, recipe_of, resolved_config
from common.results.record import RecordError, load_records
from common.settings import setting

PRIVATE = "/home/somebody"
# Whatever could name a place of the user's, and what makes it be taken.
PLACES = {
    "supremix/digits-few": ["method.backbone=hf:{}/dino method.stem=imagenet"],
    "swav/quick": [
        "method.backbone=hf:{}/dino",
        "data.root",
        "data.path data.name=image-folder",
        "tracking.project",
    ],
    "swav/imagenet": ["evaluation.finetune.lists=[{}/1.txt,{}/2.txt]"],
    "meow/quick": ["data.root", "data.path data.name=folder"],
    "mclrec/quick": ["data.root", "data.path data.name=file"],
    "supremix/quick": ["data.root", "data.path data.name=table data.target=age"],
    "autotcl/quick": ["data.root", "data.path data.name=csv"],
    "owdfa_cpl/protocol-1": [
        *("data.root", "data.path", "data.folder", "data.boxes", "method.initial_weights"),
    ],
}


def made(make_record, recipe, **changes):
    said = {name: getattr(recipe, name) for name in ("paper", "recipe", "variant", "arm", "seed")}
    config, code = resolved_config(recipe), recipe.hash()
    return make_record(**said, config=json.loads(json.dumps(config)), config_hash=code, **changes)


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("swav/quick:hard-codes", ["seed=3", "optimizer.lr=0.01", "data.workers=2"]),
        ("pixpro/quick", ["baseline=simclr", "trainer.batches=3", "trainer.accumulate=2"]),
        ("meow/quick", ["data.root=elsewhere", "evaluation.clustering.fits=2"]),
    ],
)
def test_a_record_gives_its_recipe(reference, words, make_record):
    recipe = load_recipe(reference, words)
    again = recipe_of(made(make_record, recipe))
    assert again.hash() == recipe.hash()
    assert resolved_config(again) == resolved_config(recipe)
    told = (again.reference, again.arm, again.seed, again.baseline)
    assert told == (recipe.reference, recipe.arm, recipe.seed, recipe.baseline)


@pytest.mark.parametrize(
    ("reference", "words"), [(name, words) for name, all_ in PLACES.items() for words in all_]
)
def test_no_place_of_the_user_enters_a_record(reference, words):
    key, *others = words.split()
    word = key.replace("{}", PRIVATE) if "=" in key else f"{key}={PRIVATE}/file"
    recipe = load_recipe(reference, [word, *others])
    assert PRIVATE in str(recipe.to_dict())
    assert PRIVATE not in json.dumps(resolved_config(recipe))


def test_what_a_record_leaves_out_can_be_given_with_it(make_record):
    words = ["data.name=image-folder", f"data.path={PRIVATE}"]
    recipe = load_recipe("swav/quick", words)
    record = made(make_record, recipe)
    with pytest.raises(RecordError, match=r"data\.path"):
        recipe_of(record)
    assert recipe_of(record, words[1:]).data == recipe.data


def test_a_network_in_a_folder_is_known_by_the_folder_s_name(make_record):
    first, moved, other = (
        load_recipe("swav/quick", [f"method.backbone=hf:{place}"])
        for place in (f"{PRIVATE}/dino", "/elsewhere/dino/", f"{PRIVATE}/vit")
    )
    assert first.hash() == moved.hash() != other.hash()
    assert resolved_config(moved)["method"]["backbone"] == "hf:dino"
    given = [f"method.backbone={first.method.backbone}"]
    assert recipe_of(made(make_record, first), given).method == first.method


def test_a_file_that_changes_a_result_is_known_by_its_name():
    words = [f"method.initial_weights={PRIVATE}/resnet.pt"]
    config = resolved_config(load_recipe("owdfa_cpl/protocol-1", words))
    assert config["method"]["initial_weights"] == "resnet.pt"
    assert resolved_config(load_recipe("owdfa_cpl/quick"))["method"]["initial_weights"] is None


def test_an_unknown_configuration_and_one_of_another_schema_are_refused(make_record):
    with pytest.raises(RecordError, match="config: not known"):
        recipe_of(make_record())
    record = made(make_record, load_recipe("swav/quick"))
    config = {**record.config, "method": {**record.config["method"], "gone": 1}}
    with pytest.raises(RecordError, match=r"quick-s0-.*method\.gone"):
        recipe_of(replace(record, config=config))


@dataclass
class Inner:
    hashed_as = "Part"

    extent: int = setting(1, hashed_as="size")


@dataclass
class Outer:
    piece: Inner = field(default_factory=Inner, metadata={"hashed_as": "part"})
    pieces: list[Inner] = setting([], hashed_as="parts")
    root: str = setting("here", result_neutral=True)
    same: float = 0.5


def test_a_record_holds_frozen_names_and_is_read_under_the_present_ones():
    stored = _stored(Outer(Inner(2), [Inner(3)]))
    assert stored == {"part": {"size": 2}, "parts": [{"size": 3}], "same": 0.5}
    assert build(Outer(), [("record", stored)])[0] == Outer(Inner(2), [Inner(3)])


@cache
def committed():
    """The records whose configuration is known."""
    return [record for record in load_records(SOURCE_ROOT / "results") if record.config is not None]


def has_hash(recipe, record):
    """Whether ``recipe`` is the record's, but for a file's folder, which records leave out."""
    if recipe.hash() == record.config_hash:
        return True
    left, right = (_values(each) for each in (recipe, load_recipe(record.reference)))
    folders = [
        f"{key}={value}"
        for key, value in right.items()
        if isinstance(value, str) and value != left.get(key) == PurePath(value).name
    ]
    whole = recipe_of(record, folders)
    return whole.hash() == record.config_hash and resolved_config(whole) == resolved_config(recipe)


def _values(recipe):
    return dict(flat_config({part: asdict(getattr(recipe, part)) for part in SECTIONS}))


@pytest.mark.filterwarnings("ignore:.*prototypes cannot have equal mass")
@pytest.mark.parametrize("paper", paper_names())
def test_committed_records_give_the_recipes_of_their_hashes(paper):
    mine = [record for record in committed() if record.paper == paper]
    one_each = {record.config["baseline"]: record for record in mine}
    for record in one_each.values():
        assert has_hash(recipe_of(record), record), record.filename


def test_every_committed_configuration_is_of_its_hash():
    assert len(committed()) > 900
    for record in committed():
        paper, config = get_paper(record.paper), record.config
        schema = section_defaults(paper, config["baseline"])
        config = {**config, "evaluation": without_unasked(paper, config["evaluation"])}
        sections = {
            name: build(default, [(record.filename, config.get(name, {}))])[0]
            for name, default in schema.items()
        }
        names = {name: config[name] for name in ("arm", "baseline", "seed")}
        recipe = Recipe(record.paper, record.recipe, record.variant, **names, **sections)
        assert has_hash(recipe, record), record.filename
