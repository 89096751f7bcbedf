"""NegCLIP: false captions and near images as negatives, so that CLIP learns order and binding."""

from typing import TYPE_CHECKING

from common.paper import Paper

PAPER = Paper(
    name="negclip",
    title=(
        "When and Why Vision-Language Models Behave like Bags-Of-Words, and What to Do About It?"
    ),
    authors="Yuksekgonul, Bianchi, Kalluri, Jurafsky, Zou",
    summary=(
        "CLIP hardly tells `the horse eats the grass` from `the grass eats the horse`, because "
        "images find their texts without the order of words. NegCLIP goes on with the training of "
        "CLIP. Each caption gets a twin with two words exchanged, which all images must be far "
        "from, and each image may get a near one beside it. The paper's benchmark ARO asks which "
        "of two captions is true of an image."
    ),
    venue="ICLR",
    year=2023,
    arxiv="2210.01936",
    bibtex="""@inproceedings{yuksekgonul2023when,
  title     = {When and Why Vision-Language Models Behave like Bags-Of-Words, and What to Do
               About It?},
  author    = {Yuksekgonul, Mert and Bianchi, Federico and Kalluri, Pratyusha and
               Jurafsky, Dan and Zou, James},
  booktitle = {International Conference on Learning Representations},
  year      = {2023}
}""",
    target="none",
    modalities=("image_text",),
    module_class="NegCLIP",
    config_class="NegCLIPConfig",
    protocols=("caption-choice", "image-text-retrieval", "zero-shot", "gap"),
)

if TYPE_CHECKING:
    from papers.negclip.config import NegCLIPConfig as NegCLIPConfig
    from papers.negclip.module import NegCLIP as NegCLIP
else:  # imported on first use: a declaration is light
    __getattr__, __dir__ = PAPER.export, PAPER.exports
