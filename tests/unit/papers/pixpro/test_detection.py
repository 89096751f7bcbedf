from types import SimpleNamespace

import pytest
import torch
from torch import nn

from common.backbones.resnet import resnet18
from common.backbones.small_networks import SmallConv
from common.data.images.config import ImageConfig
from common.data.images.evaluation import ObjectImages
from common.data.images.sets import Split, padded, plain_objects
from common.errors import ConfigError
from common.evaluation.features import ImageInputs
from papers.pixpro.config import DetectionConfig
from papers.pixpro.detection import (
    _batches,
    _groups,
    evaluate_detection,
    measure,
    mirrored,
    rate_at,
)
from papers.pixpro.detectors import build_detector
from tests.stored import read_images

pytest.importorskip("pycocotools")
PLAIN = [0.0] * 3, [1.0] * 3


def small(**changes):
    values = {
        "head": "map",
        "iterations": 60,
        "milestones": [50],
        "warmup": 5,
        "batch_size": 4,
        "short_sides": [48],
        "anchors": [12, 20],
        "regions": 32,
        "hidden_dim": 64,
    }
    return DetectionConfig(**(values | changes))


def squares(num, seed):
    """Returns dark images with one bright square each, red or green, of 12 to 20 pixels."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 60, (num, 3, 48, 48), generator=generator, dtype=torch.uint8)
    boxes, instances = [], torch.zeros(num, 48, 48, dtype=torch.int32)
    for row in range(num):
        side = int(torch.randint(12, 21, (), generator=generator))
        top, left = torch.randint(0, 48 - side, (2,), generator=generator).tolist()
        kind = int(torch.randint(0, 2, (), generator=generator))
        images[row, kind, top : top + side, left : left + side] = 230
        instances[row, top : top + side, left : left + side] = 1
        boxes.append(torch.tensor([[left, top, left + side, top + side, kind]]).float())
    labels = torch.full((num,), -1)
    return Split(
        images,
        labels,
        boxes=padded(boxes),
        instance_maps=instances,
        class_names=("red", "green"),
    )


def make_inputs(module, train, test, name="bccd"):
    config = ImageConfig(name=name)
    pair = ObjectImages(train, config), ObjectImages(test, config)
    return ImageInputs(module, None, None, None, pair)


class Module(nn.Module):
    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone


@pytest.mark.slow
def test_bright_squares_are_found_and_the_module_stays_as_it_was():
    torch.manual_seed(0)
    module = Module(SmallConv())
    before = {name: value.clone() for name, value in module.state_dict().items()}
    inputs = make_inputs(module, squares(24, 1), squares(12, 2))
    state = torch.get_rng_state()
    found = evaluate_detection(inputs, small(), 0)
    assert set(found) == {"detection_ap", "detection_ap50", "detection_ap75"}
    assert found["detection_ap50"] > 60 and found["detection_ap50"] >= found["detection_ap"]
    assert all(torch.equal(before[name], v) for name, v in module.state_dict().items())
    assert torch.equal(state, torch.get_rng_state()) and module.training


@pytest.mark.parametrize(("name", "classes", "masks"), [("bccd", 3, False), ("nuclei", 1, True)])
def test_real_cells_go_through_training_and_test(name, classes, masks):
    found = read_images(name)
    parts = [found[split].rows(torch.arange(num)) for split, num in (("train", 6), ("test", 2))]
    inputs = make_inputs(Module(SmallConv(channels=parts[0].shape[0])), *parts, name=name)
    assert inputs.object_pair[0].num_classes == classes
    settings = small(masks=masks, iterations=2, batch_size=3, short_sides=[128])
    values = evaluate_detection(inputs, settings, 0)
    assert len(values) == (6 if masks else 3)
    assert all(0 <= value <= 100 for value in values.values())


class Oracle(nn.Module):
    """Finds what it is told, whatever it is shown."""

    def __init__(self, found):
        super().__init__()
        self.found = iter(found)

    def forward(self, images):
        return [next(self.found)]


def answer(boxes, labels, masks=None):
    found = {
        "boxes": torch.tensor(boxes).float().view(-1, 4),
        "labels": torch.tensor(labels, dtype=torch.int64) + 1,
        "scores": torch.linspace(0.9, 0.5, len(labels)),
    }
    return found if masks is None else {**found, "masks": masks[:, None].float()}


def test_perfect_answers_have_full_precision_and_shifted_ones_less():
    test = ObjectImages(squares(3, 4), ImageConfig(name="bccd"))
    rows = [test.objects(row).boxes for row in range(3)]
    kinds = [test.objects(row).classes.tolist() for row in range(3)]
    device = torch.device("cpu")
    perfect = Oracle([answer(b.tolist(), k) for b, k in zip(rows, kinds, strict=True)])
    assert set(measure(perfect, test, small(), device).values()) == {100.0}
    # Half a side to the right: overlap 1/3.
    shifted = [b + (b[:, 2:3] - b[:, 0:1]) / 2 * torch.tensor([1, 0, 1, 0]) for b in rows]
    wrong = Oracle([answer(b.tolist(), k) for b, k in zip(shifted, kinds, strict=True)])
    assert set(measure(wrong, test, small(), device).values()) == {0.0}


def test_objects_that_are_not_tested_may_be_missed_or_found():
    test = ObjectImages(squares(1, 4), ImageConfig(name="bccd"))
    own = test.objects(0)
    other = torch.tensor([[0.0, 40.0, 5.0, 48.0]])
    both = plain_objects(torch.cat([own.boxes, other]), torch.tensor([own.classes[0], 1]))
    test.objects = lambda row: both._replace(tested=torch.tensor([True, False]))
    found = answer(own.boxes.tolist(), own.classes.tolist())
    missed = measure(Oracle([found]), test, small(), torch.device("cpu"))
    assert missed["detection_ap"] == 100
    test.objects = lambda row: both
    counted = measure(Oracle([found]), test, small(), torch.device("cpu"))
    assert counted["detection_ap"] < 60


def test_masks_are_measured_by_themselves():
    split = squares(2, 5)
    split = Split(split.images, split.labels, instance_maps=split.instance_maps)
    test = ObjectImages(split, ImageConfig(name="nuclei"))
    objects = [test.objects(row) for row in range(2)]
    empty = [answer(o.boxes.tolist(), [0], torch.zeros_like(o.masks)) for o in objects]
    found = measure(Oracle(empty), test, small(masks=True), torch.device("cpu"))
    assert found["detection_ap"] == 100 and found["detection_mask_ap"] == 0
    right = [answer(o.boxes.tolist(), [0], o.masks) for o in objects]
    found = measure(Oracle(right), test, small(masks=True), torch.device("cpu"))
    assert found["detection_mask_ap50"] == 100


@pytest.mark.parametrize("head", ["c4", "fpn", "map"])
@pytest.mark.parametrize("masks", [False, True])
def test_every_detector_trains_all_of_the_backbone(head, masks):
    torch.manual_seed(0)
    backbone = resnet18(stem="imagenet")
    settings = small(head=head, masks=masks, short_sides=[64], anchors=[8, 16, 32, 64, 128])
    detector = build_detector(backbone, settings, 2, PLAIN).train()
    instances = torch.zeros(64, 64, dtype=torch.uint8)
    instances[10:40, 10:40] = 1
    target = {
        "boxes": torch.tensor([[10.0, 10.0, 40.0, 40.0]]),
        "labels": torch.tensor([1]),
        "masks": instances[None],
    }
    losses = detector([torch.rand(3, 64, 64) for _ in range(2)], [target, target])
    assert ("loss_mask" in losses) == masks
    sum(losses.values()).backward()
    still = [n for n, p in detector.named_parameters() if p.grad is None]
    assert not still
    held = {id(p) for group in _groups(detector, 0.1) for p in group["params"]}
    assert held == {id(p) for p in detector.parameters()}
    assert all(p.ndim == 1 for p in _groups(detector, 0.1)[1]["params"])


@pytest.mark.parametrize(
    ("backbone", "changes", "message"),
    [
        (SmallConv(), {"head": "c4"}, "head=c4"),
        (SmallConv(), {"head": "fpn"}, "head=fpn"),
        (resnet18(), {"head": "fpn"}, "2.*head=fpn.*5"),
        (SimpleNamespace(), {}, "needs a backbone with a feature map"),
    ],
)
def test_heads_without_their_ground_are_refused(backbone, changes, message):
    with pytest.raises(ConfigError, match=message):
        build_detector(backbone, small(**changes), 2, PLAIN)


def test_the_rate_warms_up_and_falls_at_the_milestones():
    settings = small(warmup=4, milestones=[10, 12])
    rates = [rate_at(step, settings) for step in (0, 2, 4, 9, 10, 12)]
    assert rates == pytest.approx([0.001, 0.5005, 1, 1, 0.1, 0.01])


def test_a_loss_that_overflows_is_named():
    inputs = make_inputs(Module(SmallConv()), squares(8, 1), squares(4, 2))
    with pytest.raises(ConfigError, match=r"detection\.lr=1e\+20"):
        evaluate_detection(inputs, small(lr=1e20, warmup=0, iterations=8), 0)


def test_mirrors_are_their_own_inverse_and_batches_a_function_of_the_seed():
    images = ObjectImages(squares(6, 3), ImageConfig(name="bccd"))
    image, objects = images[0]
    other, moved = mirrored(image, objects)
    left, top, right, bottom = moved.boxes[0].int().tolist()
    # The square is where the box is.
    assert other[objects.classes[0], top:bottom, left:right].min() > 0.8
    back, again = mirrored(other, moved)
    assert torch.equal(back, image) and torch.equal(again.boxes, objects.boxes)
    settings = small(iterations=4)
    first, same, third = (
        [torch.stack([p for p, _ in batch]) for batch in _batches(images, settings, seed)]
        for seed in (1, 1, 2)
    )
    assert len(first) == 4 and all(map(torch.equal, first, same))
    assert not all(map(torch.equal, first, third))
