"""The ``data:`` section of images with texts. Imports no torch."""

from dataclasses import dataclass, field, replace

from common.data.images.config import ViewConfig
from common.data.modality import DataSets
from common.errors import ConfigError
from common.settings import setting

# Sets of a user's own, read from `data.path`.
OWN_SETS = ("caption-table", "caption-shards", "coco-captions")
# False captions of `relations`, and the true one, by name.
FALSE_KINDS = ("swap_colours", "swap_shapes", "swap_objects", "invert")
# Captions that a table lists beside its own, in the column `neg_caption`.
LISTED = "listed"


@dataclass(frozen=True)
class ImageTextFacts:
    """What a module must know of the data.

    ``num_words`` counts the vocabulary, special tokens included. ``pad``, ``eot`` (it ends a text)
    and ``unknown`` are token ids; ``context`` is the most tokens of a text.
    """

    num_words: int = 49_408
    pad: int = 0
    eot: int = 49_407
    unknown: int = 0
    context: int = 77
    channels: int = 3
    image_size: int = 32


@dataclass
class TextViewConfig:
    """How a text is changed, on its tokens; each draw is a text's own.

    The paraphrase comes first, then stop words go, then one of the last three at most happens:
    their shares add up to 1 or less.
    """

    # Share of texts in whose place the set's true paraphrase stands (`relations`).
    paraphrase: float = setting(0.0, at_least=0, at_most=1)
    # Share of texts without their stop words; a text of nothing else keeps them.
    stop_words: float = setting(0.0, at_least=0, at_most=1)
    # One word is replaced by a synonym.
    synonym: float = setting(0.0, at_least=0, at_most=1)
    # Two words change places.
    swap: float = setting(0.0, at_least=0, at_most=1)
    # One word is left out.
    deletion: float = setting(0.0, at_least=0, at_most=1)

    def __post_init__(self) -> None:
        """Checks the shares; raises `ConfigError`."""
        total = self.synonym + self.swap + self.deletion
        if total > 1 + 1e-9:
            raise ConfigError(
                f"data.weak_text, data.strong_text: synonym + swap + deletion is {total:g}; "
                "use 1 or less"
            )

    @property
    def changes(self) -> bool:
        """Whether a text may change."""
        return self != TextViewConfig()


def _weak() -> ViewConfig:
    return ViewConfig(area=[1.0, 1.0], ratio=[1.0, 1.0], flip=0.0)


def _strong() -> ViewConfig:
    # No flip, hue or grey: captions that say left or red would become false.
    return ViewConfig(
        area=[0.8, 1.0], flip=0.0, contrast_scale=[0.7, 1.3], contrast_pivot=0.0, noise=0.075
    )


@dataclass
class ImageTextConfig:
    """Which images and texts, how they are cut into tokens, and their views."""

    name: str = setting("relations", choices=DataSets("image_text"))
    # Where packed sets lie; null: $LIKEWISE_DATA.
    root: str | None = setting(None, result_neutral=True)
    # `caption-table`: a .csv or .tsv; `coco-captions`: the annotations' .json; `caption-shards`: a
    # folder of .tar files.
    path: str | None = setting(None, result_neutral=True)
    # For `coco-captions`: the folder of its images; null: that of the .json.
    images: str | None = setting(None, result_neutral=True)
    # Images with classes for the zero-shot test, a folder for each class.
    zero_shot: str | None = setting(None, names_file=True)
    # For `caption-table`: the columns of paths and of captions, as open_clip calls them.
    image_column: str = "filepath"
    caption_column: str = "title"
    # For `caption-table`: groups (column `group`) whose lines are not read.
    left_out: list[str] = setting([])
    # For `caption-table` and `coco-captions`: the one caption that is read of each image, from 1 in
    # the order of the file; null: all.
    caption_number: int | None = setting(None, at_least=1)
    # Captions without their image are left out instead of refused; of `caption-shards`, half pairs
    # beyond 1 % of all.
    allow_missing: bool = False
    # words: those of the training texts; bytes: UTF-8; clip_bpe: CLIP's, by open_clip.
    tokenizer: str = setting("words", choices=("words", "bytes", "clip_bpe"))
    # The most tokens of a text, the last one (`eot`) included.
    context: int = setting(77, at_least=2)
    # Height and width of images as modules get them.
    image_size: int = setting(32, at_least=8)
    # Per channel, of images in 0..1, after all else; empty: they stay in 0..1.
    mean: list[float] = setting([0.5, 0.5, 0.5], at_least=0, at_most=1)
    std: list[float] = setting([0.5, 0.5, 0.5], above=0)
    # View 0 of each sample. Its size is `image_size`; the whole image by default.
    weak: ViewConfig = field(default_factory=_weak)
    weak_text: TextViewConfig = field(default_factory=TextViewConfig)
    # Views 1 to A: their number A, and how they are made.
    num_strong: int = setting(0, at_least=0)
    strong: ViewConfig = field(default_factory=_strong)
    strong_text: TextViewConfig = field(default_factory=TextViewConfig)
    # A file with synonyms, a group on each line with commas between; `relations` has its own.
    synonyms: str | None = setting(None, names_file=True)
    # Kinds of false captions; each sample gets one of a kind drawn at each visit. `listed` is the
    # column neg_caption of a table.
    hard_captions: list[str] = setting([])
    # A near image is added for each sample, one of so many; 0: none. The column neg_image of a
    # table lists them, else the pixels tell.
    hard_images: int = setting(0, at_least=0)
    # Over all processes; hard images are beside it.
    batch_size: int = setting(64, at_least=2)
    drop_last: bool = True
    workers: int = setting(0, at_least=0, result_neutral=True)
    # Share of the training images kept for "val", and as many for "test", unless the set has them.
    holdout: float = setting(0.1, above=0, below=0.5)
    # For `relations`: quick has 4 shapes, 6 colours and one size; full has 8, 8 and two.
    preset: str = setting("quick", choices=("quick", "full"))
    captions: str = setting("plain", choices=("plain", "rich"))
    # For `relations`: training scenes; null: 6,000 (quick) or 20,000.
    train_rows: int | None = setting(None, at_least=2)
    # For `relations`: grounds and frames differ; else all scenes have the first of each.
    scene_context: bool = True
    # For `relations`: some pairs of colour and shape never occur in training.
    hold_out_compositions: bool = False
    # For `relations`: its seed, apart from the run's own.
    data_seed: int = setting(0, at_least=0)

    def __post_init__(self) -> None:
        """Checks what no single field shows; raises `ConfigError`."""
        if (self.path is None) == (self.name in OWN_SETS):
            names = ", ".join(OWN_SETS)
            raise ConfigError(f"data.path: needed for data.name={names}, and for no other set")
        for key, unset, sets in (
            ("left_out", [], OWN_SETS[:1]),
            ("caption_number", None, ("caption-table", "coco-captions")),
        ):
            if getattr(self, key) != unset and self.name not in sets:
                raise ConfigError(f"data.{key}: is for data.name={', '.join(sets)}; leave it out")
        for name in ("weak", "strong"):
            view: ViewConfig = getattr(self, name)
            if view.count != 1 or view.size not in (ViewConfig.size, self.image_size):
                raise ConfigError(
                    f"data.{name}: its count and size are data.num_strong and data.image_size"
                )
        if len(self.mean) != len(self.std):
            raise ConfigError(f"data.mean={self.mean} and data.std={self.std} differ in length")
        known = FALSE_KINDS if self.name == "relations" else (LISTED,)
        for kind in self.hard_captions:
            if kind not in known:
                raise ConfigError(
                    f"data.hard_captions: {kind!r} is not one of {', '.join(known)}, as "
                    f"{self.name} has them"
                )

    @property
    def views(self) -> list[ViewConfig]:
        """The weak view and the strong ones, as image views are made."""
        weak = replace(self.weak, size=self.image_size)
        strong = replace(self.strong, size=self.image_size, count=max(self.num_strong, 1))
        return [weak, strong] if self.num_strong else [weak]
