"""Our functions on SepCLR's stored reference values."""

from typing import Any

import torch
from torch import Tensor

from common.results.parity import Case
from papers.sepclr.loss import (
    align,
    joint,
    known_attribute_losses,
    squared_distances,
    step_losses,
    uniform,
)


def solve_parts(case: Case) -> dict[str, Any]:
    """Alignment, uniformity and joint entropy at each temperature, and their gradients."""
    found: dict[str, Any] = {}
    for temperature in case.constants["tau"]:
        x, z, s = (case[name].clone().requires_grad_() for name in ("x", "z", "s"))
        of_x, of_s = squared_distances(x), squared_distances(s)
        values = {
            "align": (align(x, z, temperature), {"_grad_x": x}),
            "uniform": (uniform(of_x, temperature), {"_grad_x": x}),
            "uniform_s": (uniform(of_s, temperature), {"_grad": s}),
            "joint": (joint(of_x, of_s, temperature), {"_grad_x": x, "_grad_s": s}),
        }
        for name, (value, inputs) in values.items():
            found |= _with_gradients(f"tau{temperature}_{name}", value, inputs)
    return found


def solve_step(case: Case) -> dict[str, Any]:
    """Every part, the total and the gradients to all codes, for each setting of the weights."""
    found: dict[str, Any] = {}
    for setting, given in case.constants.items():
        names = ("c1", "c2", "s1", "s2")
        codes = {name: case[f"{setting}_{name}"].clone().requires_grad_() for name in names}
        common, salient = (torch.stack([codes[f"{k}1"], codes[f"{k}2"]]) for k in ("c", "s"))
        parts = step_losses(common, salient, case[f"{setting}_y"] == 1, given["tau"])
        total = parts.total(given["salient_weight"], given["null_weight"], given["joint_weight"])
        found |= {f"{setting}_{name}": value for name, value in parts._asdict().items()}
        gradients = torch.autograd.grad(total, [*codes.values()])
        found |= {f"{setting}_grad_{n}": g for n, g in zip(codes, gradients, strict=True)}
        found[f"{setting}_total"] = total
    return found


def solve_known_attributes(case: Case) -> dict[str, Any]:
    """The dSprites script's step."""
    given = case.constants
    inputs = {f"grad_{n}": case[n].requires_grad_() for n in ("c", "c_distorted", "s")}
    common = torch.stack([inputs["grad_c"], inputs["grad_c_distorted"]])
    parts = known_attribute_losses(
        common, inputs["grad_s"], case["labels"], case["y"] == 1, given.get("tau", 0.5)
    )
    total = parts.total(given["salient_weight"], given["joint_weight"])
    gradients = torch.autograd.grad(total, [*inputs.values()])
    return dict(zip(inputs, gradients, strict=True)) | {
        "common": parts.common,
        "salient": parts.salient,
        "joint": parts.joint_entropy,
        "total": total,
    }


def _with_gradients(name: str, value: Tensor, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Returns ``value`` as ``name`` and its gradients, each by the ending of its name."""
    gradients = torch.autograd.grad(value, [*inputs.values()], retain_graph=True)
    return {name: value} | {f"{name}{end}": g for end, g in zip(inputs, gradients, strict=True)}


CASES = {
    "parts": solve_parts,
    "step": solve_step,
    "supervised_variant": solve_known_attributes,
}
