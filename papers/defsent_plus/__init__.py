"""DefSent+: definitions predict the entry they define, among vectors made of definitions."""

from typing import TYPE_CHECKING

from common.paper import Paper

PAPER = Paper(
    name="defsent_plus",
    title="DefSent+: Improving sentence embeddings of language models by projecting definition "
    "sentences into a quasi-isotropic or isotropic vector space of unlimited dictionary entries",
    authors="Liu",
    summary=(
        "DefSent+ learns vectors of sentences from a dictionary. A definition should land on "
        "the vector of the entry that it defines, in a softmax over all entries. The vector "
        "of an entry is the mean over its definitions, which each round estimates anew with "
        "the encoder that the round before has trained; then the training starts again from "
        "the first weights."
    ),
    venue="arXiv",
    year=2024,
    arxiv="2405.16153",
    bibtex="""@article{liu2024defsentplus,
  title   = {{DefSent+}: Improving sentence embeddings of language models by projecting definition
             sentences into a quasi-isotropic or isotropic vector space of unlimited dictionary
             entries},
  author  = {Liu, Xiaodong},
  journal = {arXiv preprint arXiv:2405.16153},
  year    = {2024}
}""",
    target="class",
    modalities=("text",),
    module_class="DefSentPlus",
    config_class="DefSentPlusConfig",
    protocols=(
        *("sts", "retrieval", "entry-prediction"),
        *("alignment-uniformity", "isotropy", "association"),
    ),
    baselines={"defsent": ("defsent:DefSent", "config:DefSentConfig")},
    own_protocols={
        "entry-prediction": ("prediction:evaluate_prediction", "config:EntryPredictionConfig")
    },
)

if TYPE_CHECKING:
    from papers.defsent_plus.config import DefSentConfig as DefSentConfig
    from papers.defsent_plus.config import DefSentPlusConfig as DefSentPlusConfig
    from papers.defsent_plus.defsent import DefSent as DefSent
    from papers.defsent_plus.module import DefSentPlus as DefSentPlus
else:  # imported on first use: a declaration is light
    __getattr__, __dir__ = PAPER.export, PAPER.exports
