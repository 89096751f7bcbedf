"""OW-DFA and CPL: open-world deepfake attribution by contrastive pseudo learning."""

from typing import TYPE_CHECKING

from common.data.modality import DataSet
from common.paper import Paper

PAPER = Paper(
    name="owdfa_cpl",
    title="Contrastive Pseudo Learning for Open-World DeepFake Attribution",
    authors="Sun, Chen, Yao, Yin, Yi, Ding, Ma",
    summary=(
        "CPL trains on labelled images of known classes and on unlabelled images of known and "
        "novel classes, made for faces forged by known and unknown tools. One network has a head "
        "for each class, known or novel. Each unlabelled image proposes its nearest neighbour in "
        "the batch, and its parts vote on whether to trust the pair; trusted pairs are pulled "
        "together. Soft pseudo-labels are drawn at random and weighted by the model's own "
        "probability and by the vote. A margin makes known classes easier, and an entropy reward "
        "counters collapse."
    ),
    venue="ICCV",
    year=2023,
    arxiv="2309.11132",
    bibtex="""@inproceedings{sun2023contrastive,
  title     = {Contrastive Pseudo Learning for Open-World {DeepFake} Attribution},
  author    = {Sun, Zhimin and Chen, Shen and Yao, Taiping and Yin, Bangjie and Yi, Ran and
               Ding, Shouhong and Ma, Lizhuang},
  booktitle = {IEEE/CVF International Conference on Computer Vision},
  pages     = {20882--20892},
  year      = {2023}
}""",
    target="known-and-novel classes",
    modalities=("images",),
    module_class="CPL",
    config_class="CPLConfig",
    protocols=("head-clusters", "feature-clusters"),
    own_protocols={
        "head-clusters": ("clusters:evaluate_heads", "config:HeadClustersConfig"),
        "feature-clusters": ("clusters:evaluate_feature_clusters", "config:FeatureClustersConfig"),
    },
    baselines={
        "classifier": ("baselines:Classifier", "config:ClassifierConfig"),
        "orca": ("baselines:ORCA", "config:ORCAConfig"),
        "rankstats": ("baselines:RankStats", "config:RankStatsConfig"),
    },
    own_sets={
        "ow-forge-20": DataSet(
            "readers.ow_forge_20:from_config", generated=True, verify="readers.sanity:verify"
        ),
    },
    own_backbones={"images": {"forensic_conv": "backbone:ForensicConv"}},
)

if TYPE_CHECKING:
    from papers.owdfa_cpl.baselines import ORCA as ORCA
    from papers.owdfa_cpl.baselines import Classifier as Classifier
    from papers.owdfa_cpl.baselines import RankStats as RankStats
    from papers.owdfa_cpl.config import ClassifierConfig as ClassifierConfig
    from papers.owdfa_cpl.config import CPLConfig as CPLConfig
    from papers.owdfa_cpl.config import ORCAConfig as ORCAConfig
    from papers.owdfa_cpl.config import RankStatsConfig as RankStatsConfig
    from papers.owdfa_cpl.module import CPL as CPL
else:  # imported on first use: a declaration is light
    __getattr__, __dir__ = PAPER.export, PAPER.exports
