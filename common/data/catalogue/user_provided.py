"""Sets that their user brings: what `papers data prepare` cannot get, and its place."""

from dataclasses import dataclass
from pathlib import Path

from common.errors import DataError


@dataclass(frozen=True)
class Given:
    """One such set.

    ``layout``: where its files lie below the data root. ``ways``: patterns below the data root,
    all of which match something where the set is there; one of several such lists is enough.
    """

    title: str
    layout: str
    ways: tuple[tuple[str, ...], ...]

    def is_in(self, root: Path) -> bool:
        """Tells whether ``root`` holds the set."""
        return any(all(any(root.glob(each)) for each in way) for way in self.ways)


IMAGENET = ("imagenet/*train*", "imagenet/*val*")
GIVEN = {
    "imagenet": Given(
        title="ImageNet (ILSVRC 2012): from image-net.org, with an account",
        layout="imagenet/{train,val}/<class>/*.JPEG, or tar shards imagenet/{train,val}/*.tar",
        ways=(IMAGENET,),
    ),
    "imagenet100": Given(
        title="100 classes of ImageNet",
        layout="imagenet100/classes.txt, the names of its class folders, beside a whole imagenet/ "
        "(as `papers data prepare imagenet` says), or imagenet100/{train,val}/<class>/*.JPEG",
        ways=(
            ("imagenet100/*train*", "imagenet100/*val*"),
            ("imagenet100/classes.txt", *IMAGENET),
        ),
    ),
    "cifar10-mnist": Given(
        title="CIFAR-10 with MNIST laid over: `papers data prepare cifar10`, and MNIST's files",
        layout="cifar-10-batches-bin/ and MNIST/raw/, as torchvision.datasets.MNIST fetches it",
        ways=(("cifar-10-batches-bin/test_batch.bin", "MNIST/raw/t10k-labels-idx1-ubyte"),),
    ),
    "cifar10-jpeg-fashion": Given(
        title="CIFAR-10 (a lossy copy) with Fashion-MNIST laid over: `papers data prepare` both",
        layout="cifar10_jpeg/ and fashion_mnist/",
        ways=(("cifar10_jpeg/train.npz", "fashion_mnist/fashion_mnist.npz"),),
    ),
    "agedb": Given(
        title="AgeDB-DIR: on request, for research only",
        layout="agedb/agedb.csv with the columns age, path and split, and the images beside it",
        ways=(("agedb/agedb.csv",),),
    ),
    "imdb-wiki": Given(
        title="IMDB-WIKI-DIR: on request, for research only",
        layout="imdb-wiki/imdb_wiki.csv with the columns age, path and split, and the images "
        "beside it",
        ways=(("imdb-wiki/imdb_wiki.csv",),),
    ),
    "voc": Given(
        title="Pascal VOC 2007 and 2012, with boxes",
        layout="VOCdevkit/{VOC2007,VOC2012}/, as its archives unpack",
        ways=(("VOCdevkit/VOC2007", "VOCdevkit/VOC2012"),),
    ),
    "coco": Given(
        title="COCO 2017, with boxes and masks",
        layout="coco/{train2017,val2017,annotations}/, as its archives unpack",
        ways=(("coco/train2017", "coco/val2017", "coco/annotations"),),
    ),
    "ow-dfa": Given(
        title="OW-DFA: its sources on request from their authors, the tables from the paper's",
        layout="ow-dfa/protocol-1.csv or protocol-2.csv, and the images beside them, or as "
        "data.path and data.folder",
        ways=(("ow-dfa/protocol-1.csv",), ("ow-dfa/protocol-2.csv",)),
    ),
    "lora": Given(
        title="Lora: signals of two gateways, on request from an author of AutoTCL",
        layout="timeseries/lora/lora-all.csv.gz, its CSV gzipped, with a column time",
        ways=(("timeseries/lora/lora-all.csv.gz",),),
    ),
}
# Names under which a recipe reads a path of its user's.
YOURS = (
    "answered-table",
    "caption-shards",
    "caption-table",
    "coco-captions",
    "csv",
    "entries",
    "file",
    "folder",
    "hetero-data",
    "image-folder",
    "labelled",
    "lines",
    "pairs",
    "image-table",
    "table",
    "volume-table",
)


def refuse_given(name: str) -> None:
    """Raises `DataError` with the place of its files if ``name`` is brought by its user."""
    if name in GIVEN:
        raise DataError(
            f"{name} is not fetched from here; lay it out below the data root (data.root) as "
            f"{GIVEN[name].layout}. {GIVEN[name].title}"
        )
