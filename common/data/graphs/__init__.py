"""Heterogeneous graphs of typed nodes, with meta-paths."""

from common.data.modality import DataSet, Modality, Screen

MODALITY = Modality(
    title="graphs",
    module=("common.data.graphs.module:GraphData", "common.data.graphs.config:GraphConfig"),
    sets={
        "acm": DataSet("common.data.graphs.readers.packed:read_packed"),
        "aminer": DataSet("common.data.graphs.readers.packed:read_packed"),
        "dblp": DataSet("common.data.graphs.readers.packed:read_packed"),
        "folder": DataSet(
            "common.data.graphs.readers.folder:read_folder",
            may_lack_labels=True,
            form="a graph in a folder with nodes.csv",
            plan="common.data.graphs.own:plan_graph",
        ),
        "freebase": DataSet("common.data.graphs.readers.packed:read_packed"),
        "hetero-data": DataSet(
            "common.data.graphs.readers.hetero:read_hetero_data",
            may_lack_labels=True,
            form="a saved HeteroData (.pt)",
            plan="common.data.graphs.own:plan_graph",
        ),
        "imdb": DataSet("common.data.graphs.readers.packed:read_packed"),
    },
    readers={
        "graphs": "common.data.graphs.readers.own:read_own",
    },
    recognise="common.data.graphs.own:recognise",
    screens=(Screen("dblp", "node-probe", "test/macro_f1_20"),),
    hub_task="graph-ml",
    known=("classes", "training classes"),
)
