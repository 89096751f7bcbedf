import json

import numpy as np
import pytest
import torch
from PIL import Image

from common.data.images.config import ImageConfig
from common.data.images.evaluation import ObjectImages
from common.data.images.readers.box_files import VOC_CLASSES, coco, voc
from common.errors import DataError

OBJECT = (
    "<object><name>{name}</name><difficult>{difficult}</difficult><bndbox><xmin>{0}</xmin>"
    "<ymin>{1}</ymin><xmax>{2}</xmax><ymax>{3}</ymax></bndbox></object>"
)


def draw(path, height=6, width=8):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def write_voc(root, objects=""):
    for year, part, name in (
        ("2007", "trainval", "000001"),
        ("2012", "trainval", "2008_000002"),
        ("2007", "test", "000003"),
    ):
        base = root / "VOCdevkit" / f"VOC{year}"
        draw(base / "JPEGImages" / f"{name}.jpg")
        for path, text in (
            (base / "ImageSets" / "Main" / f"{part}.txt", f"{name}\n"),
            (base / "Annotations" / f"{name}.xml", f"<annotation>{objects}</annotation>"),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


def config(root, name):
    return ImageConfig(name=name, root=str(root))


def test_voc_joins_both_years_and_counts_from_nought(tmp_path):
    easy = OBJECT.format(1, 2, 8, 6, name="dog", difficult=0)
    write_voc(tmp_path, easy + OBJECT.format(2, 2, 4, 4, name="person", difficult=1))
    found = voc(config(tmp_path, "voc"))
    names = [found["train"].relative_name(row) for row in range(2)]
    assert names == ["VOC2007/JPEGImages/000001.jpg", "VOC2012/JPEGImages/2008_000002.jpg"]
    images = ObjectImages(found["test"], config(tmp_path, "voc"))
    images.check(masks=False)
    image, objects = images[0]
    assert image.shape == (3, 6, 8) and images.num_classes == 20
    assert objects.boxes.tolist() == [[0, 1, 8, 6], [1, 1, 4, 4]]
    assert [VOC_CLASSES[number] for number in objects.classes] == ["dog", "person"]
    assert objects.trained.tolist() == [True, True] and objects.tested.tolist() == [True, False]
    with pytest.raises(DataError, match=r"masks: objects of voc have boxes only"):
        images.check(masks=True)


def test_a_image_without_objects_has_none(tmp_path):
    write_voc(tmp_path)
    _, objects = ObjectImages(voc(config(tmp_path, "voc"))["test"], config(tmp_path, "voc"))[0]
    assert objects.boxes.shape == (0, 4) and objects.tested.shape == (0,)


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        (OBJECT.format(1, 2, 8, 6, name="dragon", difficult=0), "'dragon' of no class"),
        (OBJECT.format("a", 2, 8, 6, name="dog", difficult=0), "could not convert"),
        ("<object>", "mismatched tag"),
    ],
)
def test_broken_annotations_name_their_file(tmp_path, objects, message):
    write_voc(tmp_path, objects)
    images = ObjectImages(voc(config(tmp_path, "voc"))["test"], config(tmp_path, "voc"))
    with pytest.raises(DataError, match=rf"000003\.xml: no readable annotation: .*{message}"):
        images[0]


def test_missing_parts_of_voc_are_named(tmp_path):
    write_voc(tmp_path)
    (tmp_path / "VOCdevkit/VOC2012/JPEGImages/2008_000002.jpg").unlink()
    with pytest.raises(DataError, match=r"2008_000002\.jpg.*1"):
        voc(config(tmp_path, "voc"))
    (tmp_path / "VOCdevkit/VOC2012/ImageSets/Main/trainval.txt").unlink()
    with pytest.raises(DataError, match=r"VOC2012/ImageSets/Main/trainval\.txt"):
        voc(config(tmp_path, "voc"))


def write_coco(root, annotations):
    pytest.importorskip("pycocotools")
    for part in ("train2017", "val2017"):
        images = [{"id": n, "file_name": f"{n:012}.jpg", "height": 6, "width": 8} for n in (3, 5)]
        for image in images:
            draw(root / "coco" / part / image["file_name"])
        content = {
            "images": images,
            "annotations": annotations,
            "categories": [{"id": 18, "name": "dog"}, {"id": 1, "name": "person"}],
        }
        path = root / "coco" / "annotations" / f"instances_{part}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content))


def annotation(number, image, category, box, crowd=0):
    x, y, w, h = box
    corners = [x, y, x + w, y, x + w, y + h, x, y + h]
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "bbox": box,
        "area": w * h,
        "iscrowd": crowd,
        "segmentation": [corners],
    }


def test_coco_has_masks_and_numbers_without_gaps(tmp_path):
    marks = [
        annotation(1, 5, 18, [1, 2, 4, 3]),
        annotation(2, 5, 1, [0, 0, 2, 2], crowd=1),
        annotation(3, 5, 1, [3, 3, 0, 2]),
    ]
    write_coco(tmp_path, marks)
    found = coco(config(tmp_path, "coco"))
    # Of the training images only the one with an object is left.
    assert found["train"].relative_name(0) == "train2017/000000000005.jpg"
    assert (len(found["train"]), len(found["test"])) == (1, 2)
    images = ObjectImages(found["test"], config(tmp_path, "coco"))
    images.check(masks=True)
    assert images[0][1].masks.shape == (0, 6, 8)
    _, objects = images[1]
    assert objects.boxes.tolist() == [[1, 2, 5, 5], [0, 0, 2, 2]]
    assert objects.classes.tolist() == [1, 0] and images.num_classes == 2
    assert objects.trained.tolist() == objects.tested.tolist() == [True, False]
    expected = torch.zeros(6, 8, dtype=torch.bool)
    expected[2:5, 1:5] = True
    assert torch.equal(objects.masks[0], expected)


def test_annotations_of_another_form_are_named(tmp_path):
    write_coco(tmp_path, [annotation(1, 5, 18, [1, 2, 4, 3])])
    path = tmp_path / "coco" / "annotations" / "instances_val2017.json"
    path.write_text("[]")
    with pytest.raises(DataError, match=r"instances_val2017\.json.*COCO's"):
        coco(config(tmp_path, "coco"))
