"""MEOW and AdaMEOW: heterogeneous graph contrast with meta-path contexts."""

from typing import TYPE_CHECKING

from common.data.modality import DataSet
from common.paper import Paper

PAPER = Paper(
    name="meow",
    title="Heterogeneous Graph Contrastive Learning with Meta-path Contexts and Weighted Negative "
    "Samples",
    authors="Jianxiang Yu, Xiang Li",
    summary=(
        "MEOW embeds the nodes of one type of a graph with several types of nodes, without "
        "labels. A coarse view is a graph network over the mean of the meta-path graphs. A fine "
        "view keeps each meta-path apart, adds the features of the nodes in between (its context) "
        "and fuses the results by attention. A node's two views are a positive pair, and other "
        "nodes are negatives, weighted by how many clusterings separate the pair. AdaMEOW learns "
        "the weights with a small network instead."
    ),
    venue="SDM",
    year=2023,
    arxiv="2212.13847",
    bibtex="""@inproceedings{yu2023meow,
  title     = {Heterogeneous Graph Contrastive Learning with Meta-path Contexts and Weighted
               Negative Samples},
  author    = {Yu, Jianxiang and Li, Xiang},
  booktitle = {SIAM International Conference on Data Mining (SDM)},
  pages     = {37--45},
  year      = {2023},
  doi       = {10.1137/1.9781611977653.ch5}
}""",
    target="none",
    modalities=("graphs",),
    module_class="MEOW",
    config_class="MEOWConfig",
    protocols=("node-probe", "clustering"),
    ddp_strategy="ddp",
    ddp_refusal="the full batch couples all nodes (one normalisation, one contrast, one k-means "
    "over the whole graph), so a step cannot be shared between devices; data.batch_size=512 trains "
    "on sampled neighbours, on as many as you like",
    microbatch_refusal="its samples are nodes of one graph, which its encoder joins",
    own_sets={
        "papers-at-scale": DataSet("readers.large:papers_at_scale", generated=True),
        "papers-authors-subjects": DataSet("readers.small:papers_authors_subjects", generated=True),
    },
)

if TYPE_CHECKING:
    from papers.meow.config import MEOWConfig as MEOWConfig
    from papers.meow.module import MEOW as MEOW
else:  # imported on first use: a declaration is light
    __getattr__, __dir__ = PAPER.export, PAPER.exports
