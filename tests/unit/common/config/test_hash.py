from dataclasses import dataclass, field

import pytest

from common.config.recipe import load_recipe
from common.settings import collect_changes, setting


def swav(*overrides):
    return load_recipe("swav/quick", list(overrides))


NEUTRAL = [
    "data.root=elsewhere",
    "data.workers=3",
    "trainer.accelerator=cpu",
    "trainer.devices=2",
    "trainer.nodes=2",
    "trainer.strategy=ddp",
    "trainer.compile=true",
    "trainer.channels_last=true",
    "trainer.microbatch=64",
    "trainer.microbatch=auto",
    "trainer.microbatch_norm=parts",
    "trainer.log_every=7",
    "trainer.checkpoint_every_epochs=5",
    "trainer.checkpoint_every_batches=5",
    "trainer.threads=2",
    "tracking.mode=offline",
    "tracking.name=mine",
    "seed=5",
    "optimizer.beta2=0.999",
]
TELLING = [
    "trainer.epochs=61",
    "trainer.batches=5",
    "trainer.precision=bf16-mixed",
    "trainer.accumulate=2",
    "data.batch_size=64",
    "data.holdout=0.2",
    "method.temperature=0.2",
    "optimizer.lr=0.003",
    "evaluation.knn.k=21",
    "evaluation.select=best",
    "evaluation.protocols=[knn]",
]


@pytest.mark.parametrize("word", NEUTRAL)
def test_what_cannot_change_a_result_keeps_the_hash(word):
    assert swav(word).hash() == swav().hash()


def test_what_can_change_a_result_changes_the_hash():
    monitor = "evaluation.monitor=train/epoch_loss"
    hashes = {word: swav(monitor, word).hash() for word in TELLING}
    assert len({swav().hash(), swav(monitor).hash(), *hashes.values()}) == len(TELLING) + 2


@dataclass
class Part:
    hashed_as = "Part"

    size: int = 1
    path: str = setting("here", result_neutral=True)


@dataclass
class Whole:
    depth: int = 2
    part: Part = field(default_factory=Part)
    parts: list[Part] = field(default_factory=list)
    extra: Part | None = None
    names: list[str] = field(default_factory=list)


@dataclass
class Piece:
    """`Part` and `Whole` with another name for each class, field and section."""

    hashed_as = "Part"

    extent: int = setting(1, hashed_as="size")
    path: str = setting("here", result_neutral=True)


@dataclass
class All:
    levels: int = setting(2, hashed_as="depth")
    piece: Piece = field(default_factory=Piece, metadata={"hashed_as": "part"})
    pieces: list[Piece] = setting([], hashed_as="parts")
    spare: Piece | None = setting(None, hashed_as="extra")
    words: list[str] = setting([], hashed_as="names")


def changes(whole, frozen=True):
    found = {}
    collect_changes(whole, type(whole)(), "w", found, frozen)
    return found


def test_only_changed_values_are_collected_also_inside_lists():
    assert changes(Whole()) == {}
    assert changes(Whole(part=Part(path="there"))) == {}
    assert changes(Whole(3, Part(4), names=["a"])) == {
        "w.depth": 3,
        "w.part.size": 4,
        "w.names": ["a"],
    }
    # A field that a later version adds with a default must not change an entry's hash.
    assert changes(Whole(parts=[Part(), Part(5, "x")])) == {"w.parts": [{}, {"Part.size": 5}]}


def test_renamed_fields_sections_and_classes_keep_their_hash():
    former = Whole(3, Part(4), [Part(), Part(5, "x")], Part(6), ["a"])
    renamed = All(3, Piece(4), [Piece(), Piece(5, "x")], Piece(6), ["a"])
    assert changes(renamed) == changes(former)
    # What a message names is what may be written in a recipe now.
    assert set(changes(All(3, Piece(4)), frozen=False)) == {"w.levels", "w.piece.extent"}
