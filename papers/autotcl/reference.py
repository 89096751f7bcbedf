"""Our functions on AutoTCL's stored reference values."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from common.data.series.sets import cut_sections, time_covariates
from common.evaluation.ridge import (
    MAX_SAMPLES,
    RidgePath,
    choose_alpha,
    errors_of,
    last_value,
    make_windows,
)
from common.evaluation.series_inputs import encode_windows
from common.results.parity import Case
from papers.autotcl.augmenter import Augmenter, gate, harden, view
from papers.autotcl.averaging import update_mean
from papers.autotcl.backbone import DilatedEncoder, draw_keep
from papers.autotcl.loss import (
    consistency,
    hierarchical,
    info_nce,
    instance_contrast,
    local_info_nce,
    mask_size,
    mean_cosine,
    mmd,
    pool,
    temporal_contrast,
)
from papers.autotcl.reference_losses import (
    leave_one_out,
    leave_one_out_lower,
    linear_mmd,
    segment_info_nce,
)

# Names of the official encoder's parts -> ours.
KEYS = (
    ("input_fc.", "inputs."),
    ("feature_extractor.net.", "blocks."),
    (".conv1.conv.", ".conv1."),
    (".conv2.conv.", ".conv2."),
    (".projector.", ".shortcut."),
    ("tfd.", "average.convs."),
)
# What a loss's array is called, or begins with -> of pooled series, or of every step.
POOLED: dict[str, Callable[..., Tensor]] = {
    "infonce": info_nce,
    "l1out_lower": leave_one_out_lower,
    "L1out": leave_one_out,
    "cos_sim_diag": mean_cosine,
    "mmd_gauss": mmd,
    "mmd_linear": linear_mmd,
}
OF_STEPS: dict[str, Callable[..., Tensor]] = {
    # Of the first series of a batch alone, as in the released code.
    "local_infonce": lambda z1, z2, **options: local_info_nce(z1[:1], **options),
    "subseq_infonce": segment_info_nce,
    "instance_contrast": instance_contrast,
    "temporal_contrast": temporal_contrast,
    "hier": hierarchical,
}
# Names of their constants -> of our arguments, where they differ.
OPTIONS = {
    "k": "segments",
    "kernel_factor": "factor",
    "bandwidth_divisor": "divisor",
    "temporal_unit": "temporal_from",
}


def our_name(name: str) -> str:
    """Returns our name of an official encoder's parameter."""
    for theirs, ours in KEYS:
        name = name.replace(theirs, ours)
    return name


def read_encoder(case: Case, prefix: str) -> DilatedEncoder:
    """Returns the encoder whose weights are stored under ``prefix``; all sizes are theirs."""
    names = [n.removeprefix(prefix) for n in case.arrays if n.startswith(prefix)]
    state = {our_name(name): case[prefix + name] for name in names}
    kernels = [
        state[f"average.convs.{number}.weight"].shape[2]
        for number in range(sum(key.startswith("average.") for key in state) // 2)
    ]
    numbers = {int(k.split(".")[1]) for k in state if k.startswith("blocks.")}
    hidden, channels = state["inputs.weight"].shape
    output = len(state[f"blocks.{max(numbers)}.conv2.bias"])
    encoder = DilatedEncoder(channels, hidden, max(numbers), output, kernels).to(case.dtype)
    encoder.load_state_dict(state)
    return encoder


def _sizes(encoder: DilatedEncoder) -> dict[str, Any]:
    assert encoder.average is not None
    kernels = [w.shape[2] for w in encoder.average.parameters() if w.ndim == 3]
    return {"depth": len(encoder.blocks) - 1, "kernels": kernels}


def gradients(loss: Tensor, module: nn.Module, prefix: str, case: Case) -> dict[str, Tensor]:
    """Returns the gradients that the case asks for under ``prefix``, by their stored names."""
    names = [n for n in case.outputs if n.startswith(prefix)]
    parameters = dict(module.named_parameters())
    wanted = [parameters[our_name(n.removeprefix(prefix))] for n in names]
    # What the loss does not reach has a gradient of zeros.
    found = torch.autograd.grad(loss, wanted, retain_graph=True, materialize_grads=True)
    return dict(zip(names, found, strict=True))


def solve_augmenter(case: Case) -> dict[str, Any]:
    """Encoder, gate, view, and both steps' losses with their gradients."""
    x, (stretch, bias, threshold, size_weight, consistency_weight) = case["x"], case["consts"]
    encoder, augmenter = read_encoder(case, "enc."), read_augmenter(case)
    case.constants.must_be(
        encoder=_sizes(encoder),
        augmenter=_sizes(read_encoder(case, "aug.")),
        mask_threshold=case.arrays["consts"][2],
    )
    constants = {
        "stretch": float(stretch),
        "bias": float(bias),
        "temperature": case.constants["gate_temperature"],
    }
    factors = augmenter(x)
    soft = gate(factors.h, case["gate_u"], **constants)
    hard_view, soft_view = view(x, factors, harden(soft)), view(x, factors, soft)
    trunk_x, trunk_v = encoder.trunk(x), encoder.trunk(hard_view)
    parts = {
        "aug_mmd": mmd(pool(trunk_x), pool(trunk_v)),
        "aug_reg": mask_size(factors.h, float(threshold)),
        "consistency": consistency(factors.h, case["cons_sel0"], case["cons_sel1"]),
    }
    loss = parts["aug_mmd"] + size_weight * parts["aug_reg"]
    loss = loss + consistency_weight * parts["consistency"]
    out, full_v = encoder(x), encoder(hard_view.detach())
    contrast = info_nce(pool(out), pool(full_v), case.constants["infonce_temperature"])
    found = {
        "enc_out": out,
        "enc_tcn_out": trunk_x,
        "enc_out_mask_last": encoder(x, draw_keep("last", len(x), x.shape[1], torch.Generator())),
        "gate_train": gate(case["gate_in"], case["gate_u"], **constants),
        "gate_eval": gate(case["gate_in"], None, **constants),
        "feat_emb": augmenter.trunk(x),
        "feat_h": factors.h,
        "feat_ax": hard_view,
        "feat_out_x": trunk_x,
        "feat_out_v": trunk_v,
        "feat_full_v": full_v,
        "feat_ax_soft": soft_view,
        "aug_loss": loss,
        "enc_infonce": contrast,
        "swa_avg": running_mean(case["swa_values"]),
        **parts,
    }
    found |= gradients(loss, augmenter.trunk, "grad_aug.", case)
    for head in ("h_head", "g_head"):
        found |= gradients(loss, getattr(augmenter, head), f"grad_{head}.0.", case)
    return found | gradients(contrast, encoder, "grad_enc.", case)


def read_augmenter(case: Case) -> Augmenter:
    """Returns the augmenter with the stored trunk and heads."""
    channels = len(case["h_head.0.bias"])
    augmenter = Augmenter(read_encoder(case, "aug."), channels).to(case.dtype)
    for name in ("h_head", "g_head"):
        state = {key: case[f"{name}.0.{key}"] for key in ("weight", "bias")}
        getattr(augmenter, name).load_state_dict(state)
    return augmenter


def running_mean(values: Tensor) -> Tensor:
    """Returns the average of the snapshots ``(num, ...)``, kept up one by one."""
    average, online = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    average.weight = nn.Parameter(values[0].clone())
    for count, value in enumerate(values[1:], 1):
        online.weight = nn.Parameter(value)
        update_mean(average, online, count)
    return average.weight


def loss_of(name: str, constants: dict[str, Any]) -> Callable[..., Tensor] | None:
    """Returns the function of z1 and z2 that the array ``name`` is a value of, if we have it."""
    options = {OPTIONS.get(key, key): value for key, value in constants.items()}
    how = options.pop("pooling", "max")
    for begin, function in POOLED.items():
        if name.startswith(begin):
            return lambda *z: function(*(pool(one, how) for one in z), **options)
    for begin, function in OF_STEPS.items():
        if name.startswith(begin):
            return partial(function, **options)
    return None


def solve_losses(case: Case) -> dict[str, Any]:
    """Value and both gradients of every loss that the case names and we have."""
    found: dict[str, Any] = {}
    for name in case.outputs:
        function = loss_of(name, case.constants.get(name, {}))
        if "_grad_z" in name or function is None:
            continue
        z = [case[key].requires_grad_() for key in ("z1", "z2")]
        loss = function(*z)
        slopes = torch.autograd.grad(loss, z, materialize_grads=True)
        found |= {name: loss, f"{name}_grad_z1": slopes[0], f"{name}_grad_z2": slopes[1]}
    return found


def solve_ridge(case: Case) -> dict[str, Any]:
    """The forecasting protocol, the causal encoding, the calendar and the cutting into sections."""
    found: dict[str, Any] = {}
    targets = case["data"][:, :, case.constants["n_covariates"] :].double()
    lengths = case.arrays["lens"].tolist()
    given = (array[:, : sum(lengths)] for array in (case["repr"], targets))
    features, future = (array.split(lengths, 1) for array in given)
    dropped = (case.constants["train_padding"], 0, 0)
    for horizon in case.arrays["pred_lens"].tolist():
        train, val, test = (
            make_windows(known, asked, horizon, drop)
            for known, asked, drop in zip(features, future, dropped, strict=True)
        )
        path, val = RidgePath(train.thinned(MAX_SAMPLES)), val.thinned(MAX_SAMPLES)
        alpha = choose_alpha(path, val, case.constants["alphas"])
        stored = case[f"pred_{horizon}"].shape
        first = test._replace(rows=test.rows[test.rows[:, 1] < stored[1]])
        found |= {
            f"mse_mae_{horizon}": torch.tensor(errors_of(test, path.forecast(test, alpha))),
            f"naive_{horizon}": torch.tensor(errors_of(test, partial(last_value, test))),
            f"pred_{horizon}": path.predict(first.features(slice(None)), alpha).view(stored),
            f"target_{horizon}": first.labels(slice(None)).view(stored),
            f"alpha_{horizon}": torch.tensor(float(alpha)),
        }
    return found | _samples(case) | _encoding(case) | _layout(case)


def _samples(case: Case) -> dict[str, Any]:
    given = case.constants["samples"]
    steps = torch.arange(given["n"], dtype=torch.float64)[None, :, None]
    windows = make_windows(steps, steps * given["data_step"], given["horizon"], given["drop"])
    return {
        "samples_features": windows.features(slice(None)),
        "samples_labels": windows.labels(slice(None)),
        "samples_naive": last_value(windows),
    }


def _encoding(case: Case) -> dict[str, Any]:
    """Padding stays NaN in the stored values, as in the released code."""
    given = case.constants["causal_encode"]
    context = given["left_context"]
    given.must_be(window=context + 1)
    x = nn.functional.pad(case["ce_in"], (0, 0, context, 0), value=torch.nan)
    encoder = read_encoder(case, "ce.")
    return {"ce_out": encode_windows(encoder.last, x, context + 1)}


def _layout(case: Case) -> dict[str, Any]:
    dates = [datetime.fromisoformat(text) for text in case.constants["time_stamps"]]
    sections = cut_sections(case["split_in"], case.constants["split_sections"])
    return {"time_features": time_covariates(dates), "split_out": sections}


CASES = {"augmenter": solve_augmenter, "losses": solve_losses, "ridge": solve_ridge}
