"""The contrastive gap: uniformity and alignment beside CLIP's loss (CUA, CUAXU)."""

from typing import TYPE_CHECKING

from common.paper import Paper

PAPER = Paper(
    name="contrastive_gap",
    title="It's Not a Modality Gap: Characterizing and Addressing the Contrastive Gap",
    authors="Fahim, Murphy, Fyshe",
    summary=(
        "CLIP's vectors of images and those of texts lie in two regions that a line can part. The "
        "paper says that the contrast of two encoders makes this gap, whatever the two sides are, "
        "because at a low temperature its loss is small while the vectors fill little of the "
        "sphere. Three terms that are known from contrast within images close it: both sides are "
        "uniform, partners are near, and images are uniform to texts that are not their own."
    ),
    venue="arXiv",
    year=2024,
    arxiv="2405.18570",
    bibtex="""@article{fahim2024contrastive,
  title   = {It's Not a Modality Gap: Characterizing and Addressing the Contrastive Gap},
  author  = {Fahim, Abrar and Murphy, Alex and Fyshe, Alona},
  journal = {arXiv preprint arXiv:2405.18570},
  year    = {2024}
}""",
    target="none",
    modalities=("image_text",),
    module_class="ContrastiveGap",
    config_class="ContrastiveGapConfig",
    protocols=("gap", "image-text-retrieval", "zero-shot", "text-transfer"),
)

if TYPE_CHECKING:
    from papers.contrastive_gap.config import ContrastiveGapConfig as ContrastiveGapConfig
    from papers.contrastive_gap.module import ContrastiveGap as ContrastiveGap
else:  # imported on first use: a declaration is light
    __getattr__, __dir__ = PAPER.export, PAPER.exports
