"""SimCSE: simple contrastive learning of sentence embeddings."""

from typing import TYPE_CHECKING

from common.paper import Paper

PAPER = Paper(
    name="simcse",
    title="SimCSE: Simple Contrastive Learning of Sentence Embeddings",
    authors="Gao, Yao, Chen",
    summary=(
        "SimCSE learns vectors of sentences. It encodes each sentence twice with other neurons "
        "dropped out, and the two vectors must find each other among those of the batch. With "
        "labels, a sentence and what follows from it are the pair, and what contradicts it is one "
        "more negative. It starts from a language model; `quick` puts a stage that predicts masked "
        "words in its place."
    ),
    venue="EMNLP",
    year=2021,
    arxiv="2104.08821",
    bibtex="""@inproceedings{gao2021simcse,
  title     = {{SimCSE}: Simple Contrastive Learning of Sentence Embeddings},
  author    = {Gao, Tianyu and Yao, Xingcheng and Chen, Danqi},
  booktitle = {Empirical Methods in Natural Language Processing},
  year      = {2021}
}""",
    target="none",
    modalities=("text",),
    module_class="SimCSE",
    config_class="SimCSEConfig",
    protocols=("sts", "alignment-uniformity", "isotropy", "retrieval", "association"),
    # A stage does not use the other one's head.
    ddp_strategy="ddp_find_unused_parameters_true",
)

if TYPE_CHECKING:
    from papers.simcse.config import SimCSEConfig as SimCSEConfig
    from papers.simcse.module import SimCSE as SimCSE
else:  # imported on first use: a declaration is light
    __getattr__, __dir__ = PAPER.export, PAPER.exports
