"""Our functions on PixPro's stored reference values, case by case."""

from typing import Any

import torch
from torch import Tensor, nn

from common.optim.build import parameter_groups
from common.optim.ema import cosine_momentum
from common.optim.lars import LARS
from common.optim.schedules import warmup_cosine
from common.results.parity import Case
from papers.pixpro.config import PixProConfig
from papers.pixpro.geometry import cell_centres, cell_distances, crop_coordinates
from papers.pixpro.layers import PixelPropagation
from papers.pixpro.loss import (
    EPSILON,
    contrast_per_cell,
    pixel_consistency,
    pixel_contrast,
    positive_mask,
)
from papers.pixpro.module import PixPro
from papers.pixpro.weights import our_name


def solve_crop_coordinates(case: Case) -> dict[str, Tensor]:
    """Coordinates with no, one and both flips."""
    table = case["box"].to(case.dtype)
    boxes, sizes = table[:, :4], table[:, 4:]
    true = torch.ones(len(table))
    return {
        "coord": crop_coordinates(boxes, sizes),
        "coord_hflip": crop_coordinates(boxes, sizes, mirrored=true),
        "coord_vflip": crop_coordinates(boxes, sizes, upside_down=true),
        "coord_both": crop_coordinates(boxes, sizes, true, true),
    }


def solve_positive_mask_and_loss(case: Case) -> dict[str, Tensor]:
    """Centres, distances, mask, loss and gradient of every named pair of maps."""
    found: dict[str, Tensor] = {}
    case.constants.must_be(denominator_eps=EPSILON)
    for name, threshold in case.constants["thresholds"].items():
        q, k = case[f"{name}_q"].requires_grad_(), case[f"{name}_k"]
        places = case[f"{name}_coord_q"], case[f"{name}_coord_k"]
        size, key_size = (q.shape[2], q.shape[3]), (k.shape[2], k.shape[3])
        mask = positive_mask(q, k, *places, threshold)
        loss = pixel_consistency(q, k, mask)
        loss.backward()
        assert q.grad is not None
        found |= {f"{name}_loss": loss, f"{name}_grad_q": q.grad, f"{name}_mask": mask}
        found[f"{name}_dist"] = cell_distances(*places, size, key_size)
        for side, place, shape in (("q", places[0], size), ("k", places[1], key_size)):
            x, y = cell_centres(place, shape)
            found[f"{name}_center_{side}_x"] = x[:, None, :].expand(-1, *shape)
            found[f"{name}_center_{side}_y"] = y[:, :, None].expand(-1, *shape)
    return {
        name: found[name].to(torch.from_numpy(case.arrays[name]).dtype)
        for name in found
        if name in case
    }


def solve_ppm(case: Case) -> dict[str, Tensor | None]:
    """Output and gradients of the propagation for every set of constants."""
    found: dict[str, Tensor | None] = {}
    for name, constants in case.constants.items():
        if not isinstance(constants, dict):
            continue
        x = case[f"{name}_x"].requires_grad_()
        module = PixelPropagation(
            x.shape[1], constants["transform_layers"], constants["sharpness"], constants["clamp"]
        )
        own = _load(case, module, f"{name}_w_", "propagation.")
        y = module(x)
        (y * case[f"{name}_cotangent"]).sum().backward()
        found |= {f"{name}_y": y, f"{name}_grad_x": x.grad}
        found |= {f"{name}_gw_{official}": p.grad for official, p in own.items()}
    return found


def _load(case: Case, module: nn.Module, prefix: str, drop: str = "") -> dict[str, nn.Parameter]:
    """Fills ``module`` from arrays named ``prefix + official name``; returns them by that name."""
    module.to(case.dtype)
    for norm in module.modules():
        if isinstance(norm, nn.modules.batchnorm._BatchNorm):
            norm.eps = case.constants["bn_eps"]
    parameters, own = dict(module.named_parameters()), {}
    for name in case.arrays:
        if name.startswith(prefix):
            official = name.removeprefix(prefix)
            own[official] = parameters[our_name(official).removeprefix(drop)]
            own[official].data.copy_(case[name])
    assert len(own) == len(parameters), "arrays and parameters differ in number"
    return own


class _Encoder(nn.Module):
    """The cases' tiny encoder."""

    def __init__(self, weight: Tensor, stride: int, padding: int) -> None:
        super().__init__()
        out, channels, kernel, _ = weight.shape
        self.c = nn.Conv2d(channels, out, kernel, stride, padding)
        self.num_features = out

    def feature_map(self, x: Tensor) -> Tensor:
        return self.c(x).relu()


def solve_forward(case: Case) -> dict[str, Tensor | None]:
    """A whole step: momentum update, key maps, loss, and every gradient."""
    constants = case.constants
    hidden, _, _, _ = case["w_projector.linear1.weight"].shape
    method = PixProConfig(
        backbone="small_conv",
        hidden_dim=hidden,
        output_dim=len(case["w_projector.linear2.bias"]),
        threshold=constants["threshold"],
        sharpness=constants["sharpness"],
        clamp=constants["clamp"],
        transform_layers=constants["transform_layers"],
        momentum=constants["base_momentum"],
        instance_weight=constants["instance_weight"],
    )
    encoder = _Encoder(
        case["w_encoder.c.weight"], constants["conv_stride"], constants["conv_padding"]
    )
    module = PixPro(method, backbone=encoder)
    own = _load(case, module, "w_")
    k, total = case.number("k"), case.number("K")
    module.follow(cosine_momentum(method.momentum, k, total))
    found: dict[str, Tensor | None] = {
        f"after_{official}": p.detach().clone()
        for official, p in own.items()
        if not p.requires_grad
    }
    views, places = [case["im1"], case["im2"]], [case["coord1"], case["coord2"]]
    loss, _ = module.objective(views, places)
    loss.backward()
    trained = {name: p for name, p in own.items() if p.requires_grad}
    return found | {"loss": loss} | {f"g_{name}": p.grad for name, p in trained.items()}


def solve_momentum_schedule(case: Case) -> dict[str, Any]:
    """The momentum at each update, 0 to K."""
    base = case.constants["base"]
    return {
        name: torch.tensor(
            [cosine_momentum(base, k, c["K"]) for k in range(c["K"] + 1)], dtype=torch.float64
        )
        for name, c in case.constants.items()
        if isinstance(c, dict)
    }


def solve_lr_schedule(case: Case) -> dict[str, Any]:
    """Warm-up and cosine tables."""
    final, multiplier = case.constants["final_lr"], case.constants["warmup_multiplier"]
    return {
        name: warmup_cosine(
            c["base"],
            final,
            c["iterations_per_epoch"],
            c["epochs"],
            c["warmup_epochs"],
            c["base"] / multiplier,
            peak_once=True,
        )
        for name, c in case.constants.items()
        if isinstance(c, dict)
    }


def solve_lars(case: Case) -> dict[str, Tensor]:
    """Steps of LARS with biases and norms excluded."""
    constants = case.constants
    found: dict[str, Tensor] = {}
    names = [name.removeprefix("init_") for name in case.arrays if name.startswith("init_")]
    weights = {name: nn.Parameter(case[f"init_{name}"].clone()) for name in names}
    optimizer = LARS(
        parameter_groups(weights.values(), constants["weight_decay"], exclude_1d=True),
        lr=constants["lr"],
        momentum=constants["momentum"],
        trust_coefficient=constants["trust"],
        eps=constants["eps"],
    )
    for step in range(constants["steps"]):
        for name, weight in weights.items():
            weight.grad = case[f"grad{step}_{name}"].clone()
        optimizer.step()
        found |= {f"after{step}_{n}": weight.detach().clone() for n, weight in weights.items()}
    return found


def solve_pixcontrast_own(case: Case) -> dict[str, Any]:
    """PixContrast, one direction."""
    constants = case.constants
    q, k = case["q"].requires_grad_(), case["k"]
    mask = positive_mask(q, k, case["coord_q"], case["coord_k"], constants["threshold"])
    loss = pixel_contrast(q, k, mask, constants["temperature"])
    loss.backward()
    per_cell = contrast_per_cell(q, k, mask, constants["temperature"])
    return {"loss": loss, "per_pixel": per_cell, "grad_q": q.grad}


CASES = {
    "crop_coordinates": solve_crop_coordinates,
    "positive_mask_and_loss": solve_positive_mask_and_loss,
    "ppm": solve_ppm,
    "forward_pixel": solve_forward,
    "forward_instance": solve_forward,
    "momentum_schedule": solve_momentum_schedule,
    "lr_schedule": solve_lr_schedule,
    "lars": solve_lars,
    "pixcontrast_own": solve_pixcontrast_own,
}
