"""The ``method:`` section of SimCSE; the defaults are those of unsupervised BERT-base."""

from dataclasses import dataclass, field
from typing import Any

from common.backbones.text_config import EncoderConfig
from common.errors import ConfigError
from common.methods.config import check_pretraining
from common.settings import setting


@dataclass
class SimCSEConfig:
    """Section 3 of the paper, and the published code at commit 49fa580 (``train.py``, "code")."""

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    # Code: --pooler_type. The average poolers include the first and the last token.
    pooler: str = setting("cls", choices=("cls", "avg", "avg_top2", "avg_first_last"))
    # A tanh layer over the pooled state. Null: with the pooler cls alone, as in the code.
    head: bool | None = None
    # Code: --mlp_only_train of the unsupervised models; supervised ones keep the head at the test.
    head_at_test: bool = False
    # Equation 1; code: --temp.
    temperature: float = setting(0.05, above=0)
    # For triplets: the logarithm of how often an anchor counts its own hard negative (code:
    # --hard_negative_weight; 0 counts it as one).
    hard_weight: float = setting(0.0, at_least=-20, at_most=20)
    # What the two views of a sentence differ by: their dropout masks, or nothing, all dropout off.
    views: str = setting("dropout", choices=("dropout", "identical"))
    # "alignment" is an ablation: views attract, and there are no negatives.
    objective: str = setting("contrast", choices=("contrast", "alignment"))
    # On several processes. "published": the code gathers without gradient and then averages, so
    # that gradients are those of the global batch over the number of processes. "exact": the true
    # ones. The numbers of supervised models are of 4 processes, those of unsupervised ones of one.
    gradient: str = setting("published", choices=("published", "exact"))
    # Samples with an equal text, by its tokens, are no negatives of each other.
    leave_out_duplicates: bool = False
    # Masked words beside the contrast: their loss's weight and their share of words. Code:
    # --do_mlm with --mlm_weight 0.1 and --mlm_probability; off in the published recipes.
    masked_weight: float = setting(0.0, at_least=0)
    masked_share: float = setting(0.15, above=0, below=1)
    # A first stage of masked words alone, the stand-in for a published language model: epochs,
    # share of words, first rate (it falls as the contrast's does) and warm-up. Not in the paper.
    # The training may end with it: trainer.epochs of as many.
    pretrain_epochs: int = setting(0, at_least=0)
    pretrain_share: float = setting(0.3, above=0, below=1)
    pretrain_lr: float = setting(2e-3, above=0)
    pretrain_warmup_epochs: int = setting(0, at_least=0)

    @property
    def has_head(self) -> bool:
        """Whether embeddings pass the tanh layer before they are contrasted."""
        return self.pooler == "cls" if self.head is None else self.head

    @property
    def tells_words(self) -> bool:
        """Whether any part of the training tells masked words."""
        return bool(self.masked_weight or self.pretrain_epochs)

    def check(self, recipe: Any) -> None:
        """Raises `ConfigError` for what other sections of the recipe rule out."""
        if recipe.data.batch_size < 2:
            raise ConfigError("data.batch_size: SimCSE contrasts the sentences of a batch: 2 or up")
        if self.head_at_test and not self.has_head:
            raise ConfigError("method.head_at_test: method.head=true makes the head it asks for")
        check_pretraining(recipe, self.pretrain_epochs)
