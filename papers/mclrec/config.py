"""The ``method:`` section of MCLRec. Imports no torch."""

from dataclasses import dataclass
from typing import Any

from common.methods.config import check_constant_rate
from common.settings import setting


@dataclass
class MCLRecConfig:
    """Values of the paper for Amazon Beauty; "code" is the official repository."""

    # Encoder: SASRec, paper 4.1.4 and code (seq.yaml).
    dim: int = setting(64, at_least=4)
    num_layers: int = setting(2, at_least=1)
    num_heads: int = setting(2, at_least=1)
    inner_dim: int = setting(256, at_least=1)
    # Embeddings, attention weights and block updates alike (scripts/train_beauty.sh).
    dropout: float = setting(0.5, at_least=0, below=1)
    # Code: normal initial weights of the encoder; eps of its LayerNorms.
    init_std: float = setting(0.02, above=0)
    layer_norm_eps: float = setting(1e-12, above=0)
    # lambda, of the contrast of the stochastic views; 0 on Beauty (paper 4.5.2), .04 on Sports.
    contrast_weight: float = setting(0.0, at_least=0)
    # beta, of the contrast of the learned views; .05 on Beauty, .4 on Sports.
    augmented_weight: float = setting(0.05, at_least=0)
    # gamma / beta (paper 4.1.4: gamma = 0.1 beta); 0 leaves R out.
    regulariser_weight: float = setting(0.1, at_least=0)
    # row: bounds per anchor, on three pairs (code). global: Eq. 11-13, on (z1, z2) (paper).
    regulariser: str = setting("row", choices=("row", "global"))
    # R's weight where the augmenters learn: the 0.1 (code) or gamma, 0.1 beta (paper); by-scheme is
    # the paper's for its two-stage and two-loop, else the code's.
    augmenter_regulariser: str = setting("by-scheme", choices=("by-scheme", "paper", "code"))
    # Code: the raw dot product of unnormalised vectors, temperature 1.
    similarity: str = setting("dot", choices=("dot", "cosine"))
    temperature: float = setting(1.0, above=0)
    # mean over the 2B anchors (code), or the sum of two directions, twice that (paper, Eq. 7-9).
    directions: str = setting("mean", choices=("mean", "sum"))
    # three-step: encoder, augmenters, encoder in each batch (code). two-stage: encoder, then
    # augmenters in each batch. two-loop: the same, an epoch each in turn (paper, Algorithm 1, which
    # has a loop a stage). joint: one update of everything (MCLRec-J).
    scheme: str = setting("three-step", choices=("three-step", "two-stage", "two-loop", "joint"))
    # Augmented vectors have unit length (code; the paper does not say so).
    unit_length: bool = True
    # One augmenter for both views (paper, Table 4).
    shared_augmenter: bool = False
    # A batch is encoded in so many groups of like lengths; 1 pads all to the longest.
    length_groups: int = setting(8, at_least=1)

    def check(self, recipe: Any) -> None:
        """Refuses what this paper does not have; raises `ConfigError`."""
        check_constant_rate(recipe)
