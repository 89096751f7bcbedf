"""DSE: distilled sentence embedding, a pair scorer that embeds each sentence alone."""

from typing import TYPE_CHECKING

from common.data.modality import DataSet
from common.paper import Paper

PAPER = Paper(
    name="dse",
    title="Scalable Attentive Sentence-Pair Modeling via Distilled Sentence Embedding",
    authors="Barkan, Razin, Malkiel, Katz, Caciularu, Koenigstein",
    summary=(
        "DSE learns vectors of sentences for tasks on pairs. A model that reads both "
        "sentences together is trained first. A student then embeds each sentence alone, and "
        "a small head on both vectors learns the labels of the pairs and the logits of that "
        "model. Candidates are embedded once, so that scoring a pair takes a few products."
    ),
    venue="AAAI",
    year=2020,
    arxiv="1908.05161",
    bibtex="""@inproceedings{barkan2020scalable,
  title     = {Scalable Attentive Sentence-Pair Modeling via Distilled Sentence Embedding},
  author    = {Barkan, Oren and Razin, Noam and Malkiel, Itzik and Katz, Ori and
               Caciularu, Avi and Koenigstein, Noam},
  booktitle = {Proceedings of the AAAI Conference on Artificial Intelligence},
  year      = {2020}
}""",
    target="none",
    modalities=("text",),
    module_class="DSE",
    config_class="DSEConfig",
    protocols=("pair-task", "sts", "alignment-uniformity", "isotropy"),
    own_protocols={"pair-task": ("pair_task:evaluate_pairs", "config:PairTaskConfig")},
    # A stage does not use the other one's encoder.
    ddp_strategy="ddp_find_unused_parameters_true",
    own_sets={
        "glossary-pairs": DataSet("readers.glossary_pairs:glossary_pairs", generated=True),
    },
)

if TYPE_CHECKING:
    from papers.dse.config import DSEConfig as DSEConfig
    from papers.dse.module import DSE as DSE
else:  # imported on first use: a declaration is light
    __getattr__, __dir__ = PAPER.export, PAPER.exports
