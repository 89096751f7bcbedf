"""The settings of protocols on images with texts."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from common.errors import ConfigError, suggest
from common.evaluation.config import ProtocolConfig, require_part
from common.settings import setting


@dataclass
class CaptionChoiceConfig(ProtocolConfig):
    """Protocol ``caption-choice``: which of two captions an image is nearer to (ARO's form)."""

    takes: ClassVar[tuple[str, ...]] = ("image_text",)
    # What a tie earns. ARO's code: 0 in Relation and Attribution, 1 in the sets of word order.
    tie: float = setting(0.5, at_least=0, at_most=1)
    # Cosines that differ by no more are a tie: float32 has no exact ones.
    tie_margin: float = setting(1e-6, at_least=0)
    # Groups of fewer cases are left out of the mean over groups. ARO: 25 in Attribution.
    min_cases: int = setting(1, at_least=1)

    def check_inputs(self, inputs: Any) -> None:
        """Raises `ConfigError` where the data have no false captions."""
        require_part(inputs.choices, "caption-choice", "false captions")


@dataclass
class GapConfig(ProtocolConfig):
    """Protocol ``gap``: how far images and texts lie apart (arXiv 2405.18570)."""

    on_vectors: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("partners",)
    # In the uniformity terms.
    t: float = setting(2.0, above=0)
    # Images, each with its first caption; the official number.
    most_pairs: int = setting(5000, at_least=10)
    # The share of pairs that the classifier of images against texts is fitted to.
    fitted: float = setting(0.8, above=0, below=1)

    def check_inputs(self, inputs: Any) -> None:
        """Raises `ConfigError` where a split of the pairs would leave none on one side."""
        count = min(len({*inputs.partners.owner.tolist()}), self.most_pairs)
        if not 0 < round(self.fitted * count) < count:
            raise ConfigError(
                f"evaluation.gap.fitted={self.fitted}: {count} images leave none to fit or to "
                "test; add images, or leave out gap"
            )


@dataclass
class ImageTextRetrievalConfig(ProtocolConfig):
    """Protocol ``image-text-retrieval``: captions found by their image, images by a caption."""

    on_vectors: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("partners",)
    cutoffs: list[int] = setting([1, 5, 10], at_least=1)
    # Queries compared at once.
    chunk: int = setting(256, at_least=1, result_neutral=True)


ADAPTERS = ["none", "noise", "mean-shift", "random-shift", "covariance", "linear"]


@dataclass
class TextTransferConfig(ProtocolConfig):
    """Protocol ``text-transfer``: a classifier learns from texts and is tested on images.

    The adapters are those of CLOSE (arXiv 2211.09778); noise is added while it learns, alone.
    """

    takes: ClassVar[tuple[str, ...]] = ("image_text",)
    adapters: list[str] = field(default_factory=lambda: ["none", "noise", "mean-shift"])
    # The deviation of each coordinate. CLOSE's code: 0.04 for questions and several captions of an
    # image, 0.08 for entailment, 0.12 for a single caption.
    noise: float = setting(0.08, at_least=0)
    # The length of the random shift, a control of the mean shift.
    shift: float = setting(0.2, at_least=0)
    # How often the noise of `covariance` counts, and the deviation of what is added to it.
    covariance_factor: float = setting(3.0, at_least=0)
    covariance_noise: float = setting(0.0, at_least=0)
    # So many noisy copies of each text are learnt from.
    copies: int = setting(5, at_least=1)
    # The inverse penalty of the classifier, a multinomial logistic regression.
    c: float = setting(1.0, above=0)

    def __post_init__(self) -> None:
        """Raises `ConfigError` for an adapter that is not known."""
        for name in self.adapters:
            if name not in ADAPTERS:
                hint = suggest(name, ADAPTERS)
                raise ConfigError(f"evaluation.text_transfer.adapters: unknown {name!r}{hint}")

    def check_inputs(self, inputs: Any) -> None:
        """Raises `ConfigError` where the data have no training pairs with classes."""
        train = require_part(inputs.train, "text-transfer", "training pairs")
        for labels in (train.labels, inputs.labels):
            require_part(labels, "text-transfer", "a class of each pair")


@dataclass
class ZeroShotConfig(ProtocolConfig):
    """Protocol ``zero-shot``: the class whose texts an image is nearest to."""

    takes: ClassVar[tuple[str, ...]] = ("image_text",)
    # "prompts": the mean of a class's prompts, at unit length (CLIP). "descriptors": the mean or
    # largest cosine with descriptions of the class (arXiv 2210.07183). "differential": prompts,
    # then what tells the best classes from each other (FuDD).
    head: str = setting("prompts", choices=("prompts", "descriptors", "differential"))
    # JSON. Of descriptors: class name -> list of descriptions. Of differential: "i_j", two class
    # numbers, -> list of [what is so of i, what is so of j].
    table: str | None = setting(None, names_file=True)
    # For descriptors only.
    aggregate: str = setting("mean", choices=("mean", "max"))
    # For differential: the classes that are told apart.
    k: int = setting(10, at_least=2)

    def check_inputs(self, inputs: Any) -> None:
        """Raises `ConfigError` for data without classes, or a head without its table."""
        require_part(inputs.classes, "zero-shot", "images with classes")
        if (self.table is None) != (self.head == "prompts"):
            raise ConfigError(
                f"evaluation.zero_shot.table: head={self.head} "
                + ("takes no table; leave it out" if self.table else "needs one; name a JSON file")
            )
