"""`papers data prepare`: original files -> packer -> checked files in the data root."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from common.config.files import write_atomic
from common.data.catalogue.download import Opener, Unreachable, download, open_https, unpack
from common.data.catalogue.root import data_root
from common.data.catalogue.sources import Original, Source, get_source
from common.data.catalogue.verify import verify_source
from common.errors import DataError
from common.registry import Registry

PACKERS = Registry(
    "packer",
    {
        "bccd": "common.data.catalogue.packers.dense:pack_bccd",
        "caltech101": "common.data.catalogue.packers.images:pack_caltech",
        "camvid": "common.data.catalogue.packers.dense:pack_camvid",
        "electricity": "common.data.catalogue.packers.series:pack_electricity",
        "engines": "common.data.catalogue.packers.tables:pack_engines",
        "faces-att": "common.data.catalogue.packers.dense:pack_faces_att",
        "faces-caltech": "common.data.catalogue.packers.dense:pack_faces_caltech",
        "fashion-mnist": "common.data.catalogue.packers.images:pack_fashion_mnist",
        "fashion-mnist-full": "common.data.catalogue.packers.images:pack_fashion_mnist_full",
        "files": "common.data.catalogue.packers.arrays:pack_files",
        "gal-table": "common.data.catalogue.packers.tables:pack_gal_table",
        "graph": "common.data.catalogue.packers.graphs:pack_graph",
        "gzipped": "common.data.catalogue.packers.arrays:pack_gzipped",
        "masked-table": "common.data.catalogue.packers.tables:pack_masked_table",
        "nuclei": "common.data.catalogue.packers.dense:pack_nuclei",
        "image-folders": "common.data.catalogue.packers.images:pack_folders",
        "sequences": "common.data.catalogue.packers.arrays:pack_sequences",
        "state-dict": "common.data.catalogue.packers.arrays:pack_state_dict",
        "stsb-open": "common.data.catalogue.packers.text:pack_stsb_open",
        "tiny-imagenet": "common.data.catalogue.packers.images:pack_tiny_imagenet",
        "ts-pair": "common.data.catalogue.packers.series:pack_ts_pair",
        "tslearn": "common.data.catalogue.packers.series:pack_tslearn",
        "wordnet": "common.data.catalogue.packers.text:pack_wordnet",
    },
)

Packer = Callable[[Path, list[str]], dict[str, bytes]]


def prepare(
    name: str,
    root: str | None,
    console: Console,
    originals: Path | None = None,
    opener: Opener = open_https,
) -> list[Path]:
    """Builds the set ``name`` in the data root and returns its files.

    Args:
        name: A name of the catalogue.
        root: The data root; null for `common.data.catalogue.root.data_root`'s default.
        console: Where progress is shown.
        originals: A folder that holds the original files already; nothing is downloaded.
        opener: Opens an address; tests pass their own.

    Raises:
        DataError: Unknown name, a data root that cannot be written to, no network, or files that
            are not what the catalogue says; the data root is as it was.
    """
    source, folder = get_source(name), data_root(root)
    if not source.missing(folder):
        console.print(f"{name} is in {folder} already; check it with: papers data verify {name}")
        return [folder / item.path for item in source.files]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Within the data root, so that a full temporary folder elsewhere cannot stop a large set.
        made = tempfile.TemporaryDirectory(prefix=".prepare-", dir=folder)
    except OSError as error:
        mend = "choose another data root, with --root DIR or LIKEWISE_DATA"
        raise DataError(f"{folder}: cannot be written to ({error.strerror}); {mend}") from None
    console.print(f"{name}: {source.title} from {source.page}\nlicence: {source.licence}")
    with made as work:
        gathered = _gather(source, Path(work), originals, console, opener)
        packer: Packer = PACKERS.get(source.packer)
        packed = packer(gathered, [item.path for item in source.files])
        _check(source, packed, Path(work) / "check")
    for path, content in packed.items():
        write_atomic(folder / path, content)
        console.print(f"wrote {folder / path} ({len(content):,} bytes)")
    return [folder / path for path in packed]


def _gather(
    source: Source, work: Path, originals: Path | None, console: Console, opener: Opener
) -> Path:
    """Returns a folder with every original file, archives unpacked."""
    if originals is not None and _unpacked_by_hand(source, originals):
        return originals
    fetched, folder = work / "fetched", work / "originals"
    folder.mkdir()
    for original in source.originals:
        if originals is not None:
            path = _by_hand(original, originals)
        else:
            try:
                path = download(original, fetched, console, opener)
            except Unreachable as error:
                raise DataError(f"{error}\n{_how_by_hand(source)}") from None
        if original.unpack:
            _unpack_nested(path, folder / "unpacked")
        else:
            (folder / original.path).write_bytes(path.read_bytes())
    return folder / "unpacked" if (folder / "unpacked").exists() else folder


def _unpack_nested(archive: Path, folder: Path) -> None:
    """Unpacks ``archive`` and the tar archives inside it, each into the folder it lies in."""
    unpack(archive, folder)
    for inner in sorted(folder.glob("**/*.tar.gz")):
        unpack(inner, inner.with_name(inner.name.removesuffix(".tar.gz") + ".unpacked"))


def _unpacked_by_hand(source: Source, folder: Path) -> bool:
    """Whether the folder of its name stands in ``folder`` for each archive, but no archive."""
    return all(
        original.unpack
        and not (folder / original.path).exists()
        and (folder / original.path.split(".")[0]).is_dir()
        for original in source.originals
    )


def _how_by_hand(source: Source) -> str:
    addresses = "\n".join(f"  {original.url}" for original in source.originals)
    return (
        f"without network, fetch these on another machine into one folder:\n{addresses}\n"
        f"then: papers data prepare {source.name} --originals FOLDER"
    )


def _by_hand(original: Original, folder: Path) -> Path:
    path = folder / original.path
    if not path.exists():
        raise DataError(f"{path} is missing; download it from {original.url}")
    return path


def _check(source: Source, packed: dict[str, bytes], folder: Path) -> None:
    """Verifies the packed files before any of them stands in the data root."""
    for path, content in packed.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    problems = [text.replace(f"{folder}/", "") for text in verify_source(source, folder)]
    if problems:
        raise DataError(
            f"{source.name}: what came from {source.page} is not the published set: "
            f"{'; '.join(problems)}"
        )
