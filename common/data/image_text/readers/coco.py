"""Captions in COCO's JSON, or in Karpathy's, which also says which split an image is of."""

from pathlib import Path
from typing import Any

from common.data.image_text.config import ImageTextConfig
from common.data.image_text.readers.lines import Line, lines_as_set, read_json
from common.data.image_text.sets import CaptionedSet
from common.errors import DataError, shown


def coco_captions(config: ImageTextConfig) -> CaptionedSet:
    """Reads ``data.path``; images lie in ``data.images``, else in the folder of the file.

    Raises:
        DataError: No such file, another form, or an image that is not there; names the entry.
    """
    path = Path(str(config.path)).expanduser()
    folder = Path(config.images).expanduser() if config.images else path.parent
    return lines_as_set(folder, coco_lines(path), config)


def coco_lines(path: Path) -> list[Line]:
    """Returns a line for each caption of ``path``.

    Raises:
        DataError: No such file, or another form; names the entry.
    """
    content = read_json(path)
    images = content.get("images") if isinstance(content, dict) else None
    if not isinstance(images, list):
        raise DataError(f"{path}: has no list `images`, which COCO's captions have")
    try:
        if "annotations" in content:
            return _annotated(path, images, content["annotations"])
        return [
            line for number, each in enumerate(images) for line in _sentences(path, number, each)
        ]
    except (AttributeError, KeyError, TypeError) as error:
        what = f"lacks {error}" if isinstance(error, KeyError) else "has another form"
        raise DataError(
            f"{path}: an entry {what}; COCO's images have id and file_name, its annotations "
            "image_id and caption"
        ) from None


def _annotated(path: Path, images: list[Any], annotations: list[Any]) -> list[Line]:
    names: dict[Any, str] = {}
    for number, image in enumerate(images):
        if image["id"] in names:
            raise DataError(f"{path}, image {number}: id {shown(image['id'])} has an image already")
        names[image["id"]] = _text(f"{path}, image {number}", image, "file_name")
    found = []
    for number, each in enumerate(annotations):
        where = f"{path}, annotation {number}"
        if each["image_id"] not in names:
            raise DataError(f"{where}: there is no image {each['image_id']!r} among `images`")
        found.append(Line(names[each["image_id"]], _text(where, each, "caption"), where))
    return found


def _sentences(path: Path, number: int, image: dict[str, Any]) -> list[Line]:
    """Returns the captions of one image of Karpathy's file."""
    where = f"{path}, image {number}"
    name = str(Path(image.get("filepath", "")) / _text(where, image, "filename"))
    split = _text(where, image, "split") if image.get("split") else ""
    return [
        Line(name, _text(where, sentence, "raw"), where, split) for sentence in image["sentences"]
    ]


def _text(where: str, entry: dict[str, Any], key: str) -> str:
    value = entry[key]
    text = " ".join(value.split()) if isinstance(value, str) else ""
    if not text:
        raise DataError(f"{where}: {key} {shown(value)} is no text; mend it or take it out")
    return text
