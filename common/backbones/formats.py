"""Names of a ResNet's arrays: torchvision's, and Detectron2's for the same network.

Detectron2 calls the stem ``stem``, stages ``res2`` to ``res5``, the projection ``shortcut``, and
puts each batch norm below the convolution before it. Its ResNets of torchvision's kind have the
stride in the 3x3 convolution and RGB input (``STRIDE_IN_1X1: False``, ``INPUT.FORMAT: RGB``).
"""

import re

from torch import Tensor

from common.errors import UsageError

COUNTERS = ".num_batches_tracked"
DETECTRON2 = re.compile(r"(stem|res[2-5]\.\d+)\.")


def to_detectron2(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Returns a backbone's arrays under Detectron2's names; counters and ``fc`` are left out.

    Raises:
        UsageError: Arrays that are no ResNet's.
    """
    kept = {n: a for n, a in state.items() if not n.endswith(COUNTERS) and not n.startswith("fc.")}
    foreign = [name for name in kept if not re.match(r"(conv1|bn1|layer[1-4]\.\d+)\.", name)]
    if foreign or not kept:
        raise UsageError(
            f"--to detectron2: its names are those of ResNets, and {foreign[:1]} is none; use "
            "--to state-dict"
        )
    return {_theirs(name): array for name, array in kept.items()}


def _theirs(name: str) -> str:
    stage = re.match(r"layer(\d)\.(\d+)\.(.*)", name)
    prefix, rest = (f"res{int(stage[1]) + 1}.{stage[2]}", stage[3]) if stage else ("stem", name)
    rest = rest.replace("downsample.0", "shortcut").replace("downsample.1", "shortcut.norm")
    return f"{prefix}." + re.sub(r"^bn(\d)", r"conv\1.norm", rest)


def is_detectron2(state: dict[str, Tensor]) -> bool:
    """Tells whether ``state`` has Detectron2's names, whatever stands before them."""
    return any(DETECTRON2.search(name) for name in state)


def from_detectron2(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Returns torchvision's names of Detectron2's arrays; what precedes them is dropped."""
    return {_ours(name): array for name, array in state.items() if DETECTRON2.search(name)}


def _ours(name: str) -> str:
    found = DETECTRON2.search(name)
    assert found is not None  # the caller chose
    place, rest = found[1], name[found.end() :]
    rest = rest.replace("shortcut.norm", "downsample.1").replace("shortcut", "downsample.0")
    rest = re.sub(r"^conv(\d)\.norm", r"bn\1", rest)
    if place == "stem":
        return rest
    stage, block = place.removeprefix("res").split(".")
    return f"layer{int(stage) - 1}.{block}.{rest}"
