"""The ``method:`` section of DefSent+, and the settings of its protocol. Imports no torch."""

from dataclasses import dataclass, field
from typing import Any

from common.backbones.text_config import EncoderConfig
from common.errors import ConfigError
from common.evaluation.config import ProtocolConfig, require_part
from common.settings import setting


@dataclass
class DefSentPlusConfig:
    """The published code at commit 18785dd ("code") and the guide beside it ("guide")."""

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    # Code: the suffix of its models. The mean includes the first and the last token. Definitions,
    # entries and what is measured are pooled in the same way.
    pooler: str = setting("cls", choices=("cls", "avg"))
    # For the layer between the pooled state and the prediction. Code: tanh with BERT's own pooler,
    # GELU with the dense layer of RoBERTa's language-model head.
    activation: str = setting("tanh", choices=("tanh", "gelu"))
    # The model that this layer is of. Code: raw RoBERTa, also where the training starts from a
    # model that was trained further. Null: encoder.checkpoint.
    head_checkpoint: str | None = setting(None, names_file=True)
    # Entries are vectors of the encoder's, estimated anew before each round. "random" is a
    # control: one fixed random vector an entry, as frozen word vectors of no meaning would be.
    targets: str = setting("definitions", choices=("definitions", "random"))
    # Progressive separate training: how many rounds (guide: up to 3), and epochs of each but the
    # last, which has what trainer.epochs leaves. Code: 1 epoch.
    rounds: int = setting(1, at_least=1)
    round_epochs: int = setting(1, at_least=1)
    # First learning rate of each round; empty: optimizer.lr in all. Guide: 2e-5, then 5e-6, for
    # SynCSE-RoBERTa-large.
    round_lrs: list[float] = setting([], above=0)
    # Each round starts from the first weights; false: it goes on from the round before.
    restart: bool = True
    # The space of entries: as estimated, by independent components, or whitened, which is an
    # ablation: both are isotropic. "scaled" is a control: of their variance, and not isotropic.
    # Guide: components in round 3 of raw BERT alone.
    space: str = setting("raw", choices=("raw", "ica", "zca", "scaled"))
    # The first round that has this space; those before have entries as estimated.
    space_from_round: int = setting(1, at_least=1)
    # Standard deviation of each coordinate in such a space. Logits have no temperature, so that it
    # is one, too. Code: 100.
    space_scale: float = setting(100.0, above=0)
    # Code: AdamW's; common ones are 1e-8.
    adam_eps: float = setting(1e-6, above=0)

    def check(self, recipe: Any) -> None:
        """Raises `ConfigError` for what other sections of the recipe rule out."""
        if self.head_checkpoint is not None and self.encoder.checkpoint is None:
            raise ConfigError(
                f"method.head_checkpoint={self.head_checkpoint}: needs method.encoder.checkpoint; "
                "without one the head is drawn"
            )
        if self.round_lrs and len(self.round_lrs) != self.rounds:
            raise ConfigError(
                f"method.round_lrs: {len(self.round_lrs)} rates for method.rounds={self.rounds}"
            )
        if self.space != "raw" and self.space_from_round > self.rounds:
            raise ConfigError(
                f"method.space_from_round={self.space_from_round}: the training has "
                f"method.rounds={self.rounds}"
            )
        epochs, before = recipe.trainer.epochs, (self.rounds - 1) * self.round_epochs
        if 0 < epochs <= before:
            raise ConfigError(
                f"trainer.epochs={epochs}: the rounds before the last one take {before}; raise it "
                "or lower method.rounds"
            )
        if self.adam_eps != 1e-6 and recipe.optimizer.name not in ("adam", "adamw"):
            raise ConfigError(
                f"method.adam_eps={self.adam_eps:g}: {recipe.optimizer.name} has no epsilon"
            )

    def check_facts(self, facts: Any) -> None:
        """Raises `ConfigError` for data without entries, or with several texts a sample."""
        check_entries(facts)


@dataclass
class DefSentConfig:
    """DefSent (arXiv 2105.04339), the published code at commit d488c2d ("code")."""

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    # Code: CLS, Mean or Max.
    pooler: str = setting("cls", choices=("cls", "avg", "max"))
    # For all updates, over which the rate rises from 0. Code: 0.1.
    warmup_share: float = setting(0.1, at_least=0, below=1)

    def check(self, recipe: Any) -> None:
        """Raises `ConfigError` for a second schedule of the rate."""
        if recipe.optimizer.schedule != "constant" or recipe.optimizer.warmup_epochs:
            raise ConfigError(
                "optimizer.schedule: DefSent has a constant rate after method.warmup_share; leave "
                "it and warmup_epochs out"
            )

    def check_facts(self, facts: Any) -> None:
        """Raises `ConfigError` for data without entries, or with several texts a sample."""
        check_entries(facts)


@dataclass
class EntryPredictionConfig(ProtocolConfig):
    """Protocol ``entry-prediction``: DefSent's evaluation, by the logits of training."""

    # Code of DefSent: a rank below it counts 0 in the mean reciprocal rank.
    top: int = setting(10, at_least=1)
    cutoffs: list[int] = setting([1, 3, 10], at_least=1)

    def check_inputs(self, inputs: Any) -> None:
        """Raises `ConfigError` where no held-out text has an entry."""
        require_part(inputs.train, "entry-prediction", "entries or classes")
        require_part(inputs.held_out, "entry-prediction", "held-out texts")


def check_entries(facts: Any) -> None:
    """Raises `ConfigError` unless each sample is one text of an entry."""
    if not facts.num_targets or facts.num_texts > 1:
        raise ConfigError(
            "data.name: definitions predict entries, which glossary, wordnet and entries have"
        )
