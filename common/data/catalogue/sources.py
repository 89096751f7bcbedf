"""The catalogue of real sets: what `sources.yaml` says, and those that their user brings."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from common.config.yaml_io import read_yaml
from common.data.modality import find_set
from common.errors import DataError, suggest

CATALOGUE = Path(__file__).with_name("sources.yaml")


@dataclass(frozen=True, kw_only=True)
class PackedFile:
    """A file of the data root, as the packer writes it.

    ``sha256`` (or ``md5``, where no better is known) is of the whole file; ``content`` is
    `content_digest`, equal also when another zlib compressed the same contents.
    A set that anyone re-encodes (lossy images) has only ``counts``.
    """

    path: str
    sha256: str | None = None
    md5: str | None = None
    content: str | None = None
    counts: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class Original:
    """A file of the real source; ``path`` is its name in the folder that the packer reads."""

    path: str
    url: str
    sha256: str | None = None
    md5: str | None = None
    unpack: bool = False


@dataclass(frozen=True, kw_only=True)
class Source:
    """One set: its files in the data root, where they come from, and under which terms."""

    name: str
    title: str
    packer: str
    page: str
    licence: str
    files: tuple[PackedFile, ...]
    originals: tuple[Original, ...]
    note: str = ""

    def missing(self, root: Path) -> list[Path]:
        """Returns the paths of the set's files that ``root`` lacks."""
        return [root / item.path for item in self.files if not (root / item.path).exists()]


@cache
def load_sources(path: Path = CATALOGUE) -> dict[str, Source]:
    """Reads the catalogue.

    Raises:
        ConfigError: If the file is no YAML mapping.
        DataError: If an entry lacks a field or has one too many, or an address is not https.
    """
    return {name: _parse(name, entry, path) for name, entry in read_yaml(path).items()}


def get_source(name: str) -> Source:
    """Returns the entry ``name``; raises `DataError` with the nearest name if there is none."""
    known = load_sources()
    refuse_given(name)
    if name not in known:
        if found := find_set(name):
            where = "read from data.path" if found.plan else "built in"
            raise DataError(f"{name} is {where}; there is nothing to prepare or verify")
        raise DataError(f"unknown data set {name!r}{suggest(name, sorted(known))}")
    return known[name]


def name_of_file(relative: str) -> str | None:
    """Returns the name of the set that ``relative`` (a file or its folder) belongs to."""
    for source in load_sources().values():
        for item in source.files:
            if item.path == relative or item.path.startswith(relative.rstrip("/") + "/"):
                return source.name
    return None


def _parse(name: str, entry: dict[str, Any], path: Path) -> Source:
    try:
        content = dict(entry)
        files = [PackedFile(path=key, **value) for key, value in content.pop("files").items()]
        groups = content.pop("originals")
        originals = [item for group in groups for item in _originals(**group)]
        return Source(name=name, files=tuple(files), originals=tuple(originals), **content)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: entry {name!r}: {error}") from None


def _originals(base: str, members: dict[str, str | None], unpack: bool = False) -> list[Original]:
    """Expands ``base`` address + ``{member: sha256}``, or ``md5:...`` for a weaker digest."""
    if urlsplit(base).scheme != "https":
        raise ValueError(f"{base} is not an https address")
    return [
        Original(path=member, url=base + member, unpack=unpack, **_digest(digest))
        for member, digest in members.items()
    ]


def _digest(text: str | None) -> dict[str, str]:
    if text is None:
        return {}
    return {"md5": text[4:]} if text.startswith("md5:") else {"sha256": text}


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


def refuse_given(name: str) -> None:
    """Raises `DataError` with the place of its files if ``name`` is brought by its user."""
    if name in GIVEN:
        raise DataError(
            f"{name} is not fetched from here; lay it out below the data root (data.root) as "
            f"{GIVEN[name].layout}. {GIVEN[name].title}"
        )
