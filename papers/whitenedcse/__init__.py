"""WhitenedCSE: whitening of shuffled groups of channels, and several positives a sentence."""

from typing import TYPE_CHECKING

from common.paper import Paper

PAPER = Paper(
    name="whitenedcse",
    title="WhitenedCSE: Whitening-based Contrastive Learning of Sentence Embeddings",
    authors="Zhuo, Sun, Wang, Zhu, Yang",
    summary=(
        "WhitenedCSE learns vectors of sentences without labels. It contrasts several dropout "
        "views of a sentence, each whitened over the batch in small groups of channels. The "
        "channels are permuted before each step, so that the views differ by more than "
        "dropout. Whitening and a tanh layer are used in training only."
    ),
    venue="ACL",
    year=2023,
    arxiv="2305.17746",
    bibtex="""@inproceedings{zhuo2023whitenedcse,
  title     = {{WhitenedCSE}: Whitening-based Contrastive Learning of Sentence Embeddings},
  author    = {Zhuo, Wenjie and Sun, Yifan and Wang, Xiaohan and Zhu, Linchao and Yang, Yi},
  booktitle = {Annual Meeting of the Association for Computational Linguistics},
  pages     = {12135--12148},
  year      = {2023}
}""",
    target="none",
    modalities=("text",),
    module_class="WhitenedCSE",
    config_class="WhitenedCSEConfig",
    protocols=("sts", "alignment-uniformity", "isotropy", "retrieval", "association"),
    # A stage does not use the other one's head.
    ddp_strategy="ddp_find_unused_parameters_true",
)

if TYPE_CHECKING:
    from papers.whitenedcse.config import WhitenedCSEConfig as WhitenedCSEConfig
    from papers.whitenedcse.module import WhitenedCSE as WhitenedCSE
else:  # imported on first use: a declaration is light
    __getattr__, __dir__ = PAPER.export, PAPER.exports
