"""A folder of images: how many, how large, in which classes; and the plan for image papers."""

import io
import math
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

from common.config.devices import usable_cores
from common.data.images.readers.layout import Listed, Part, find_parts, list_parts
from common.errors import DataError
from common.evaluation.config import ProtocolConfig
from common.own_data.csv_files import class_folders
from common.own_data.draft import Draft, check_batch, fit_batch, span

HEADERS = 1000  # files whose headers are read, spread over the folder
# An image is tested with its shorter side scaled to the crop: the longer one would fill the memory.
MOST_STRETCHED = 100
FEW_TESTED = 400  # an accuracy near one half is off by up to five points
LABELS_FROM = 2
# Images to see, repeated: some minutes of a core for most folders.
SEEN, FEWEST_EPOCHS, MOST_EPOCHS = 20_000, 5, 200
# Seconds of a CPU core, measured: for a pixel of a file, for a view, and for one of 64 x 64 pixels
# forwards and backwards; a network whose stem keeps its pixels has many more to go through.
PIXEL_TIME, VIEW_TIME, SIDE = 1e-8, 1e-3, 64
NETWORK_TIMES = {
    "resnet18": 0.0085,
    "resnet50": 0.03,
    "small_conv": 0.0016,
    "small_resnet": 0.001,
    "tiny_conv": 0.0005,
}
CIFAR_STEM_COST = 10.0
MOST_CORES = 4  # more of them help small networks little


@dataclass(frozen=True)
class Images:
    """What a folder of images shows without reading the images.

    ``splits``: images by split; ``classes``: labelled training images by class; ``shorter`` and
    ``longer``: sides of the sampled images, in pixels; ``broken``: sampled files without a header;
    ``deep``, ``stretched``: the first with more than 8 bits, or with sides too unequal, and the
    mend; ``notes``: what is not read of some; ``bare``: splits without a label;
    ``hint``: how there may be classes where there are none.
    """

    path: Path
    splits: dict[str, int]
    classes: dict[str, int]
    shorter: list[int]
    longer: list[int]
    grey: bool
    broken: list[str]
    deep: str
    stretched: str
    notes: list[str]
    bare: list[str]
    hint: str
    forms: tuple[str, ...] = ("image-folder",)

    @property
    def unlabelled(self) -> int:
        """Training images without a class."""
        return self.splits["train"] - sum(self.classes.values())

    @property
    def labelled(self) -> bool:
        """Whether there are two classes to tell apart."""
        return len(self.classes) >= LABELS_FROM

    def describe(self) -> str:
        """Returns what was found, in words."""
        counts = ", ".join(f"{number:,} in {split}" for split, number in self.splits.items())
        total = f"{sum(self.splits.values()):,} {'grey' if self.grey else 'colour'} images"
        counts = f" ({counts})" if len(self.splits) > 1 else ""
        named = f"{len(self.classes)} classes" if self.labelled else "no classes"
        if self.labelled and self.unlabelled:
            named += f", {self.unlabelled:,} images without one"
        sides = f"{span(min(self.shorter), max(self.longer))} pixels a side"
        return f"{total}{counts}, {named}, {sides}"


def recognise(path: Path, kind: str) -> Images | None:
    """Returns the images of a folder, which any folder is taken for."""
    return recognise_folder(path) if kind == "folder" else None


def recognise_folder(path: Path) -> Images:
    """Lists a folder as training does, and reads the headers of a sample of its files.

    Raises:
        DataError: No images in it.
    """
    parts = find_parts(path)
    listed = list_parts(path, parts)
    train = listed.labels[listed.rows["train"]]
    names = {number: name for number, name in enumerate(listed.class_names)}
    numbers, counts = np.unique(train[train >= 0], return_counts=True)
    classes = {
        names.get(int(number), str(number)): int(count)
        for number, count in zip(numbers, counts, strict=True)
    }
    sizes, modes, broken, deep, stretched, notes = _headers(listed)
    return Images(
        path,
        {split: len(rows) for split, rows in listed.rows.items()},
        classes,
        [min(size) for size in sizes] or [0],
        [max(size) for size in sizes] or [0],
        modes <= {"1", "L", "LA", "I;16"},
        broken,
        deep,
        stretched,
        notes,
        [split for split, rows in listed.rows.items() if (listed.labels[rows] < 0).all()],
        "" if len(classes) >= LABELS_FROM else _hint(path, parts["train"], listed),
    )


def _hint(path: Path, part: Part, listed: Listed) -> str:
    """Returns where the classes of training images may be that lie in none, or ""."""
    if not isinstance(part, Path):
        return ""
    names = listed.source.names[listed.rows["train"]].tolist()
    folders = {os.path.dirname(os.fsdecode(name)) for name in names}
    inner = path / os.path.commonpath(folders)
    if len(folders) > 1 and inner != part:
        mend = f"give {inner}" if part == path else f"move what it holds into {part}"
        return f"{inner}: its folders lie too deep to be classes; for classes, {mend}"
    with suppress(DataError):  # of tables, which nobody asked for
        return next(filter(None, map(class_folders, sorted(part.glob("*.[ct]sv")))), "")
    return ""


def _headers(
    listed: Listed,
) -> tuple[list[tuple[int, int]], set[str], list[str], str, str, list[str]]:
    rows = np.concatenate([*listed.rows.values()])
    chosen = rows[np.unique(np.linspace(0, len(rows) - 1, HEADERS).astype(int))]
    source = listed.source
    sizes, modes, broken, stretched = [], set(), [], ""
    deep, clear, layered = list[str](), list[str](), list[str]()
    for row in chosen.tolist():
        name = source.name(row)
        try:
            file = name if source.shard is None else io.BytesIO(source.read(row))
            with Image.open(file) as image:
                sizes.append(image.size)
                modes.add(image.mode)
                deep += filter(None, [is_deep(image, name)])
                stretched = stretched or is_stretched(image, name)
                if image.mode[-1] == "A" or "transparency" in image.info:
                    clear.append(name)
                if image.format in ("GIF", "TIFF") and getattr(image, "n_frames", 1) > 1:
                    layered.append(name)
        except Exception:  # Pillow has many, and the reader names the file when it is its turn
            broken.append(name)
    notes = [
        f"{len(names):,} of {len(chosen):,} images looked at have {what}, such as {names[0]}."
        for names, what in (
            (clear, "an alpha channel, which is left out"),
            (layered, "several frames, of which the first is taken"),
        )
        if names
    ]
    return sizes, modes, broken, _deep(deep, len(chosen)), stretched, notes


def _deep(found: list[str], looked_at: int) -> str:
    """Returns the first of what `is_deep` said, with how many and the other mend, or ""."""
    if not found:
        return ""
    what, _, mend = found[0].partition("; ")
    skip = ", or leave them out: data.skip_unreadable=true" if len(found) < looked_at else ""
    return f"{what}, as {len(found):,} of {looked_at:,} looked at; {mend}{skip}"


def is_deep(image: Image.Image, name: str) -> str:
    """Returns that an image has more than 8 bits, and the mend, or ""."""
    if image.mode[0] not in "IF":
        return ""
    return (
        f"{name}: has more than 8 bits a channel (mode {image.mode}), which would be cut off; "
        "scale such images to 0 to 255 and save them with 8 bits"
    )


def is_stretched(image: Image.Image, name: str) -> str:
    """Returns that an image has sides that are too unequal, and the mend, or ""."""
    if max(image.size) <= MOST_STRETCHED * min(image.size):
        return ""
    sides = " x ".join(map(str, image.size))
    return (
        f"{name}: {sides} pixels; the longer side may be {MOST_STRETCHED} times the shorter; "
        "cut or remove such images"
    )


def plan_images(found: Images, draft: Draft) -> None:
    """Plans splits, sizes, batch, length and protocols for the images that were found."""
    if not max(found.shorter):
        draft.refuse(
            f"{found.path}: none of the files looked at can be read, such as {found.broken[0]}; "
            "images have 8 bits and 1, 3 or 4 channels: repair them, or save them so as .png"
        )
        return
    deep = "" if draft.get("data.skip_unreadable") else found.deep
    if deep or found.stretched:
        draft.refuse(deep or found.stretched)
        return
    draft.notes += found.notes
    if found.hint:
        draft.notes.append(f"{found.hint}.")
    if found.broken:
        why = f"{len(found.broken)} of the files cannot be read, such as {found.broken[0]}"
        draft.choose("data.skip_unreadable", True, why)
    if draft.learns_from_labels and not found.labelled:
        draft.refuse(
            found.hint
            or f"{found.path}: {draft.base.baseline or draft.paper.name} learns from labels: put "
            "the images of each class into a folder of its own"
        )
    elif draft.learns_from_labels and found.unlabelled:
        why = f"{found.unlabelled:,} images have no class, and the method learns from labels"
        draft.choose("data.labelled_only", True, why)
    draft.trained = trained = _plan_splits(found, draft)
    if trained < 2:
        draft.refuse(
            f"{found.path}: {max(trained, 0)} training images are left; at least 2 are needed: "
            "give more, or leave fewer out (data.test_share, data.holdout, data.labelled_only)"
        )
        return
    if draft.base.data.name != "image-folder":
        _fit_views(found, draft)
    _plan_length(draft, trained)
    _plan_protocols(found, draft)
    draft.choose("data.workers", count_workers(), "processes that read images on this machine")
    check_batch(draft, trained, "training images")
    if draft.has("method.batch_norm_groups"):  # MoCo, and what builds on it
        fit_queue(draft)
    draft.seconds = _seconds(found, draft, trained)


def _plan_splits(found: Images, draft: Draft) -> int:
    """Returns how many images are left to train on."""
    total = found.splits["train"]
    total -= found.unlabelled if draft.get("data.labelled_only") else 0
    held = sum(found.classes.values()) or total
    trained = total
    if "test" not in found.splits and "val" not in found.splits:
        if total < 500:
            why = "so few images need a larger share to measure by"
            draft.choose("data.test_share", 0.2, why)
        tested = draft.get("data.test_share") * held
        if 0 < tested <= 0.5:
            draft.refuse(f"{found.path}: {total} images leave none to test; give more, or test/")
        trained = total - round(tested)
        if found.classes and 0.5 < tested < FEW_TESTED:
            error = 100 / math.sqrt(tested)
            draft.notes.append(
                f"There are about {round(tested)} test images: an accuracy has a sampling error "
                f"of up to ± {error:.0f} points (95 %), which more seeds do not lessen."
            )
    share = draft.get("data.holdout")
    return trained - round(share * min(held, trained)) if "val" not in found.splits else trained


def _fit_views(found: Images, draft: Draft) -> None:
    """Scales the views of a recipe for other images, and the crop of tested ones, to these."""
    views = draft.get("data.views")
    top = max(view.size for view in draft.base.data.views)
    side = max(int(median(found.shorter)), 32)
    size = min(top, side // 8 * 8)
    why = f"the shorter sides have {side} pixels (median)"
    if views is draft.base.data.views and size != top:
        scaled = [_scaled(view, round(view.size * size / top)) for view in views]
        draft.choose("data.views", scaled, f"views of {size} pixels: {why}")
    draft.choose("data.test_resize", math.ceil(size * 8 / 7), "tested images: the shorter side,")
    draft.choose("data.test_crop", size, "then the centre")
    backbone = draft.get("method.backbone")
    # The small network with the stem "imagenet" was measured on 64 pixels.
    if (size <= 64 and backbone.startswith("resnet")) or (size < 64 and backbone == "small_resnet"):
        draft.choose("method.stem", "cifar", "small images keep their pixels in the first layer")


def _scaled(view: Any, size: int) -> dict[str, Any]:
    default = type(view)()
    values = {**asdict(view), "size": size}
    return {key: value for key, value in values.items() if value != getattr(default, key)}


def _plan_length(draft: Draft, trained: int) -> None:
    size = fit_batch(trained, min(draft.base.data.batch_size, 256), 16)
    draft.choose("data.batch_size", size, f"{trained:,} training images")
    size, base = draft.get("data.batch_size"), draft.base
    if base.optimizer.name in ("lars", "larc") and size != base.data.batch_size:
        scale = size / base.data.batch_size
        draft.choose("optimizer.lr", base.optimizer.lr * scale, "follows the batch")
    epochs = min(max(SEEN // trained, FEWEST_EPOCHS), MOST_EPOCHS)
    draft.choose("trainer.epochs", epochs, f"about {epochs * trained:,} images are seen")
    draft.choose("trainer.log_every", max(trained // size // 2, 1), "twice an epoch")


def fit_queue(draft: Draft) -> None:
    """Plans a queue of whole batches of keys, at most half of the training images."""
    batch, trained = draft.get("data.batch_size"), draft.trained
    fitting = max(trained // (2 * batch), 1) * batch
    if fitting < draft.get("method.queue_length"):
        why = f"at most half of {trained} training images, so that few keys are the query's own"
        draft.fit("method.queue_length", fitting, why)


def _plan_protocols(found: Images, draft: Draft) -> None:
    evaluation = draft.base.evaluation
    if found.labelled:
        _check_tested(found, draft)
        _fit_protocols(found, draft)
        return
    asked = {name: evaluation.settings(name) for name in draft.paper.protocols}
    kept = [
        name
        for name, settings in asked.items()
        if not settings.needs and type(settings).check_inputs is ProtocolConfig.check_inputs
    ]
    why = "without classes only this can be measured" if kept else "without classes: nothing"
    draft.choose("evaluation.protocols", kept, why)
    draft.choose("evaluation.online", [], "the same holds during training")
    if not kept:
        draft.notes.append(
            "Nothing says how good an encoder is without labels: you get the encoder, its loss and "
            "plots. evaluation.protocols=[effective-rank] says how many dimensions it uses. For a "
            "measure, put the images of each class into a folder of its own."
        )


def _check_tested(found: Images, draft: Draft) -> None:
    """Notes an obstacle where what measures by classes would test images without one."""
    tested = "test" if "test" in found.splits else "val"
    for split in found.bare:
        names = draft.get(f"evaluation.{'protocols' if split == tested else 'online'}")
        if any(draft.base.evaluation.settings(name).needs for name in names):
            named = split == "test" and "val" in found.splits and "val" not in found.bare
            draft.refuse(
                f"{found.path}: its {split} images have no classes; move them out of the folder, "
                f"and {'val/' if named else 'a share of the labelled images'} is taken instead"
            )


def _fit_protocols(found: Images, draft: Draft) -> None:
    share = 1 - (draft.get("data.test_share") if set(found.splits) == {"train"} else 0)
    labelled = int(share * sum(found.classes.values()))
    protocols, declared = draft.base.evaluation.protocols, draft.paper.protocols
    if "knn" in declared and draft.get("evaluation.knn.k") > labelled // 2:
        draft.choose("evaluation.knn.k", max(labelled // 2, 1), f"{labelled} labelled images")
    if "few-label" in protocols:
        least = int(share * min(found.classes.values()) / 2)
        fitting = [n for n in draft.get("evaluation.few_label.labels") if n <= least]
        why = f"the smallest class has {min(found.classes.values())} images"
        if fitting:
            draft.choose("evaluation.few_label.labels", fitting, why)
        else:
            kept = [name for name in protocols if name != "few-label"]
            draft.choose("evaluation.protocols", kept, why)


def count_workers() -> int:
    """Returns how many processes may read images on this machine."""
    return max(min(usable_cores() - 1, 8), 1)


def _seconds(found: Images, draft: Draft, trained: int) -> float:
    """Returns a guess of training, and of measuring what was trained and each reference."""
    views = draft.get("data.views")
    views = [view if isinstance(view, dict) else asdict(view) for view in views]
    count = sum(view.get("count", 1) for view in views)
    pixels = sum(view.get("count", 1) * view.get("size", 32) ** 2 for view in views)
    read = PIXEL_TIME * median(found.shorter) * median(found.longer)
    cores = min(usable_cores(), MOST_CORES)
    seen = trained * draft.get("trainer.epochs")
    seconds = seen * (read + VIEW_TIME * count + network_time(draft, pixels)) / cores
    if draft.get("evaluation.protocols"):
        times = 1 + len(draft.get("evaluation.references"))
        embed = network_time(draft, (draft.get("data.test_crop") or SIDE) ** 2) / 3
        whole = sum(found.splits.values())
        seconds += times * whole * (read + VIEW_TIME + embed) / cores
    return float(seconds)


def network_time(draft: Draft, pixels: int) -> float:
    """Returns seconds of a core for views of so many ``pixels``, forwards and backwards."""
    backbone = draft.get("method.backbone")
    cost = NETWORK_TIMES.get(backbone, NETWORK_TIMES["resnet18"])
    if "resnet" in backbone and draft.get("method.stem") == "cifar":
        cost *= CIFAR_STEM_COST
    return float(cost * pixels / SIDE**2)
