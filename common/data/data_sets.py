"""The data sets that recipes may name: who reads each, and what its samples are."""

from dataclasses import dataclass
from typing import Literal

from common.registry import Registry

Modality = Literal[
    "graphs", "image_text", "images", "sequences", "series", "tables", "text", "volumes"
]


@dataclass(frozen=True)
class DataSet:
    """One set: ``module:attribute`` of its reader, and what a sample is.

    ``may_lack_labels`` tells that its samples may have no label to be measured by.
    """

    reader: str
    modality: Modality
    may_lack_labels: bool = False


class DataSets(Registry):
    """The sets of one data module; a name leads to its reader."""

    def __init__(self, kind: str, sets: dict[str, DataSet]) -> None:
        super().__init__(kind, {name: each.reader for name, each in sets.items()})
        self.sets = sets


# By the data module that takes them, as `DATA_MODULES` names it.
DATASETS = {
    "graphs": DataSets(
        "graph data set",
        {
            "acm": DataSet("common.data.graphs.readers.packed:read_packed", "graphs"),
            "aminer": DataSet("common.data.graphs.readers.packed:read_packed", "graphs"),
            "dblp": DataSet("common.data.graphs.readers.packed:read_packed", "graphs"),
            "folder": DataSet(
                "common.data.graphs.readers.folder:read_folder", "graphs", may_lack_labels=True
            ),
            "freebase": DataSet("common.data.graphs.readers.packed:read_packed", "graphs"),
            "hetero-data": DataSet(
                "common.data.graphs.readers.hetero:read_hetero_data", "graphs", may_lack_labels=True
            ),
            "imdb": DataSet("common.data.graphs.readers.packed:read_packed", "graphs"),
            "papers-at-scale": DataSet("papers.meow.readers.large:papers_at_scale", "graphs"),
            "papers-authors-subjects": DataSet(
                "papers.meow.readers.small:papers_authors_subjects", "graphs"
            ),
        },
    ),
    "image_text": DataSets(
        "set of images with texts",
        {
            "caption-shards": DataSet(
                "common.data.image_text.readers.shards:caption_shards", "image_text"
            ),
            "caption-table": DataSet(
                "common.data.image_text.readers.table:caption_table", "image_text"
            ),
            "coco-captions": DataSet(
                "common.data.image_text.readers.coco:coco_captions", "image_text"
            ),
            "relations": DataSet(
                "common.data.image_text.readers.relations:relations", "image_text"
            ),
        },
    ),
    "known-and-novel classes": DataSets(
        "open-world data set",
        {
            "ow-dfa": DataSet("common.data.targets.open_world.readers.tables:ow_dfa", "images"),
            "ow-forge-20": DataSet("papers.owdfa_cpl.readers.ow_forge_20:from_config", "images"),
        },
    ),
    "number": DataSets(
        "regression data set",
        {
            "abalone": DataSet("common.data.tables.readers.files:abalone", "tables"),
            "agedb": DataSet("common.data.images.readers.numbered:agedb", "images"),
            "airfoil": DataSet("common.data.tables.readers.files:packed", "tables"),
            "autompg": DataSet("common.data.tables.readers.files:packed", "tables"),
            "bike": DataSet("common.data.tables.readers.files:packed", "tables"),
            "cmapss-fd001": DataSet("common.data.series.readers.windows:cmapss_fd001", "series"),
            "concrete": DataSet("common.data.tables.readers.files:packed", "tables"),
            "diabetes": DataSet("common.data.tables.readers.files:diabetes", "tables"),
            "elevators": DataSet("common.data.tables.readers.files:packed", "tables"),
            "energy": DataSet("common.data.tables.readers.files:packed", "tables"),
            "gas": DataSet("common.data.tables.readers.files:packed", "tables"),
            "imdb-wiki": DataSet("common.data.images.readers.numbered:imdb_wiki", "images"),
            "kin40k": DataSet("common.data.tables.readers.files:packed", "tables"),
            "kin8nm": DataSet("common.data.tables.readers.files:packed", "tables"),
            "naval": DataSet("common.data.tables.readers.files:packed", "tables"),
            "parkinsons": DataSet("common.data.tables.readers.files:packed", "tables"),
            "image-table": DataSet("common.data.images.readers.numbered:own_images", "images"),
            "pol": DataSet("common.data.tables.readers.files:packed", "tables"),
            "power": DataSet("common.data.tables.readers.files:packed", "tables"),
            "protein": DataSet("common.data.tables.readers.files:packed", "tables"),
            "rotated-digits": DataSet(
                "papers.supremix.readers.rotated_digits:rotated_digits", "images"
            ),
            "scattered-rotated-digits": DataSet(
                "papers.supremix.readers.rotated_digits:scattered_rotated_digits", "images"
            ),
            "skillcraft": DataSet("common.data.tables.readers.files:packed", "tables"),
            "sml": DataSet("common.data.tables.readers.files:packed", "tables"),
            "stsb": DataSet("common.data.text.readers.stsb:stsb", "text"),
            "table": DataSet("common.data.tables.readers.files:own_table", "tables"),
            "volume-table": DataSet("common.data.volumes.readers.files:own_volumes", "volumes"),
            "wine-red": DataSet("common.data.tables.readers.files:packed", "tables"),
            "yacht": DataSet("common.data.tables.readers.files:packed", "tables"),
        },
    ),
    "images": DataSets(
        "image data set",
        {
            "bccd": DataSet(
                "common.data.images.readers.blood_cells:bccd", "images", may_lack_labels=True
            ),
            "caltech101": DataSet("common.data.images.readers.packed_sets:caltech101", "images"),
            "camvid": DataSet(
                "common.data.images.readers.dense:camvid", "images", may_lack_labels=True
            ),
            "cifar10": DataSet("common.data.images.readers.cifar_stl:cifar10", "images"),
            "cifar10-jpeg": DataSet(
                "common.data.images.readers.packed_sets:cifar10_jpeg", "images"
            ),
            "cifar10-jpeg-fashion": DataSet(
                "papers.sepclr.readers.overlay:cifar10_jpeg_fashion", "images"
            ),
            "cifar10-mnist": DataSet("papers.sepclr.readers.overlay:cifar10_mnist", "images"),
            "cifar100": DataSet("common.data.images.readers.cifar_stl:cifar100", "images"),
            "coco": DataSet(
                "common.data.images.readers.box_files:coco", "images", may_lack_labels=True
            ),
            "coloured-digits": DataSet(
                "papers.mcl.readers.coloured_digits:coloured_digits", "images"
            ),
            "digit-bars": DataSet("papers.sepclr.readers.digit_bars:digit_bars", "images"),
            "digit-scenes": DataSet(
                "papers.pixpro.readers.digit_scenes:digit_scenes", "images", may_lack_labels=True
            ),
            "faces-att": DataSet("common.data.images.readers.packed_sets:faces_att", "images"),
            "faces-caltech": DataSet(
                "common.data.images.readers.packed_sets:faces_caltech",
                "images",
                may_lack_labels=True,
            ),
            "fashion-mnist": DataSet(
                "common.data.images.readers.packed_sets:fashion_mnist", "images"
            ),
            "fashion-mnist-full": DataSet(
                "common.data.images.readers.packed_sets:fashion_mnist_full", "images"
            ),
            "image-folder": DataSet(
                "common.data.images.readers.files:image_folder", "images", may_lack_labels=True
            ),
            "imagenet": DataSet("common.data.images.readers.files:imagenet", "images"),
            "imagenet100": DataSet("common.data.images.readers.files:imagenet100", "images"),
            "nuclei": DataSet(
                "common.data.images.readers.dense:nuclei", "images", may_lack_labels=True
            ),
            "scattered-digits": DataSet(
                "common.data.images.readers.digits:scattered_digits", "images"
            ),
            "stl10": DataSet("common.data.images.readers.cifar_stl:stl10", "images"),
            "tiny-imagenet": DataSet(
                "common.data.images.readers.packed_sets:tiny_imagenet", "images"
            ),
            "voc": DataSet(
                "common.data.images.readers.box_files:voc", "images", may_lack_labels=True
            ),
        },
    ),
    "sequences": DataSets(
        "sequence data set",
        {
            "beauty": DataSet("common.data.sequences.readers.sets:packed", "sequences"),
            "file": DataSet("common.data.sequences.readers.sets:own_file", "sequences"),
            "ml-latest-small": DataSet(
                "common.data.sequences.readers.movielens:movielens", "sequences"
            ),
            "sessions": DataSet("papers.mclrec.readers.sessions:sessions", "sequences"),
            "sports": DataSet("common.data.sequences.readers.sets:packed", "sequences"),
            "toys": DataSet("common.data.sequences.readers.sets:packed", "sequences"),
            "yelp": DataSet("common.data.sequences.readers.sets:packed", "sequences"),
        },
    ),
    "series": DataSets(
        "time series",
        {
            "acsf1": DataSet("common.data.series.readers.labelled:archived", "series"),
            "arrow-head": DataSet("common.data.series.readers.labelled:archived", "series"),
            "basic-motions": DataSet("common.data.series.readers.labelled:archived", "series"),
            "coffee": DataSet("common.data.series.readers.labelled:archived", "series"),
            "csv": DataSet("common.data.series.readers.files:own_csv", "series"),
            "electricity": DataSet("common.data.series.readers.files:published", "series"),
            "etth1": DataSet("common.data.series.readers.files:published", "series"),
            "etth2": DataSet("common.data.series.readers.files:published", "series"),
            "ettm1": DataSet("common.data.series.readers.files:published", "series"),
            "exchange-rate": DataSet("common.data.series.readers.files:exchange_rate", "series"),
            "gun-point": DataSet("common.data.series.readers.labelled:archived", "series"),
            "italy-power-demand": DataSet("common.data.series.readers.labelled:archived", "series"),
            "japanese-vowels": DataSet("common.data.series.readers.labelled:archived", "series"),
            "labelled": DataSet("common.data.series.readers.labelled:own_labelled", "series"),
            "lora": DataSet("common.data.series.readers.files:published", "series"),
            "osu-leaf": DataSet("common.data.series.readers.labelled:archived", "series"),
            "pickup-gesture": DataSet("common.data.series.readers.labelled:archived", "series"),
            "plaid": DataSet("common.data.series.readers.labelled:archived", "series"),
            "seasons-equal": DataSet("papers.autotcl.readers.seasons:seasons", "series"),
            "seasons-loud": DataSet("papers.autotcl.readers.seasons:seasons", "series"),
            "seasons-quiet": DataSet("papers.autotcl.readers.seasons:seasons", "series"),
            "trace": DataSet("common.data.series.readers.labelled:archived", "series"),
            "wth": DataSet("common.data.series.readers.files:published", "series"),
        },
    ),
    "tables": DataSets(
        "set of rows with answers",
        {
            "answered-table": DataSet("papers.sirl.readers.own:answered_table", "tables"),
            "gridrobot": DataSet("papers.sirl.readers.gridrobot:gridrobot", "tables"),
        },
    ),
    "text": DataSets(
        "text data set",
        {
            "entries": DataSet("common.data.text.readers.entries:own_entries", "text"),
            "glossary": DataSet("common.data.text.readers.glossary:glossary", "text"),
            "glossary-pairs": DataSet("papers.dse.readers.glossary_pairs:glossary_pairs", "text"),
            "lines": DataSet("common.data.text.readers.lines:own_lines", "text"),
            "pairs": DataSet("common.data.text.readers.pairs:own_pairs", "text"),
            "stsb-open": DataSet("common.data.text.readers.pairs:stsb_open", "text"),
            "wordnet": DataSet("common.data.text.readers.wordnet:wordnet", "text"),
        },
    ),
}


def find_set(name: str) -> DataSet | None:
    """Returns the set ``name`` of whichever data module, or None: no two have one of a name."""
    found = (table.sets.get(name) for table in DATASETS.values())
    return next(filter(None, found), None)
