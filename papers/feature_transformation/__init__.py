"""FT: positives that are extrapolated and negatives that are interpolated, on MoCo."""

from typing import TYPE_CHECKING

from common.paper import Paper

PAPER = Paper(
    name="feature_transformation",
    title="Improving Contrastive Learning by Visualizing Feature Transformation",
    authors="Zhu, Zhao, Liu, Sun, Chen",
    summary=(
        "FT changes the features that MoCo compares, and nothing else. A query and its key are "
        "extrapolated away from each other, so that the positive is harder. The queue is mixed "
        "with a shuffled copy of itself, so that each step sees other negatives. What enters the "
        "queue are the plain keys. The paper found both by looking at how the scores of positives "
        "and negatives are distributed while training."
    ),
    venue="ICCV",
    year=2021,
    arxiv="2108.02982",
    bibtex="""@inproceedings{zhu2021improving,
  title     = {Improving Contrastive Learning by Visualizing Feature Transformation},
  author    = {Zhu, Rui and Zhao, Bingchen and Liu, Jingen and Sun, Zhenglong and
               Chen, Chang Wen},
  booktitle = {IEEE/CVF International Conference on Computer Vision},
  year      = {2021}
}""",
    target="none",
    modalities=("images",),
    module_class="FeatureTransformation",
    config_class="FeatureTransformationConfig",
    protocols=("knn", "linear", "uniformity-tolerance", "linear-sgd"),
    own_data={"image-folder": "photos"},
)

if TYPE_CHECKING:
    from papers.feature_transformation.config import (
        FeatureTransformationConfig as FeatureTransformationConfig,
    )
    from papers.feature_transformation.module import FeatureTransformation as FeatureTransformation
else:  # imported on first use: a declaration is light
    __getattr__, __dir__ = PAPER.export, PAPER.exports
