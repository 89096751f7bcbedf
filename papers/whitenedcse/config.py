"""The ``method:`` section of WhitenedCSE; the defaults are those of BERT-base."""

from dataclasses import dataclass, field
from typing import Any

from common.backbones.text_config import EncoderConfig
from common.errors import ConfigError
from common.methods.config import check_pretraining
from common.settings import setting


@dataclass
class WhitenedCSEConfig:
    """Section 3 of the paper, and the published code at commit 65fe70a ("code")."""

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    # Code: --pooler_type. The average poolers include the first and the last token.
    pooler: str = setting("cls", choices=("cls", "avg", "avg_top2", "avg_first_last"))
    # Dropout views of a sentence, the anchor among them. Code: --num_pos 3.
    num_views: int = setting(3, at_least=2)
    # Code: --temp.
    temperature: float = setting(0.05, above=0)
    # Channels are whitened in so many groups: 128 of 6 channels (code, for 768 channels).
    groups: int = setting(128, at_least=1)
    # Whether channels are permuted before they are cut into groups, anew each step.
    shuffle: bool = True
    # "zca": the symmetric root, a constant in the backward pass (code: symeig). "zca-through" is
    # our variant, with the gradient through the root. "cholesky": the code's other matrix, which
    # lets the gradient through; as published it cannot run. "none" whitens nothing: with two
    # views this is SimCSE.
    whitening: str = setting("zca", choices=("zca", "zca-through", "cholesky", "none"))
    # Is added to the variances of the groups. The code has none.
    eps: float = setting(0.0, at_least=0)
    # What is whitened together, with one permutation. "view": a view of all sentences, as the paper
    # says. "code": the code's contiguous chunks, each of a third of the sentences in all views.
    layout: str = setting("view", choices=("view", "code"))
    # Over the rows of all processes. False: each process whitens its own, as the code does; so
    # does the layout "code" in any case.
    sync_whitening: bool = True
    # "alignment" is an ablation: views attract, and there are no negatives.
    objective: str = setting("contrast", choices=("contrast", "alignment"))
    # Equal sentences, by their tokens, are no negatives of each other.
    leave_out_duplicates: bool = False
    # A first stage of masked words alone, the stand-in for a published language model: epochs,
    # share of words, first rate (it falls as the contrast's does) and warm-up. Not in the paper.
    # The training may end with it: trainer.epochs of as many.
    pretrain_epochs: int = setting(0, at_least=0)
    pretrain_share: float = setting(0.3, above=0, below=1)
    pretrain_lr: float = setting(2e-3, above=0)
    pretrain_warmup_epochs: int = setting(0, at_least=0)

    def check(self, recipe: Any) -> None:
        """Raises `ConfigError` for what other sections of the recipe rule out."""
        check_pretraining(recipe, self.pretrain_epochs)
        if self.whitening == "none" or self.eps:
            return
        if not recipe.data.drop_last:
            raise ConfigError(
                "data.drop_last: the last batch may be too small to whiten; drop it, or set "
                "method.eps above 0"
            )
        if self.encoder.checkpoint is None:
            self.check_groups(self.encoder.dim, recipe.data.batch_size)

    def check_groups(self, dim: int, batch_size: int | None = None) -> None:
        """Raises `ConfigError` where ``dim`` channels or a batch cannot be whitened."""
        if self.whitening == "none":
            return
        if dim % self.groups:
            raise ConfigError(f"method.groups={self.groups}: does not divide {dim} channels")
        size, chunks = dim // self.groups, self.num_views if self.layout == "code" else 1
        if batch_size is not None and not self.eps and batch_size // chunks <= size:
            raise ConfigError(
                f"data.batch_size={batch_size}: groups of {size} channels need more than "
                f"{size * chunks} sentences; take more, or more method.groups"
            )
