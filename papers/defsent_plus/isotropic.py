"""Isotropic spaces of entries: independent components, or whitening; or their scale alone.

States behind a layer norm lie in a plane, so one direction of the entries has no variance but that
of rounding. The published code enlarges it like the others; here such directions are zero.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import FastICA
from torch import Tensor

# Of the published code.
SEED, TOLERANCE, ITERATIONS, SCALE = 42, 1e-4, 1000, 100.0
# For a direction's deviation over the largest one: below it lies the rounding of float32.
SMALLEST = 1e-5


def isotropic(entries: Tensor, space: str, scale: float) -> Tensor:
    """Returns entries ``(entries, dim)`` of the same variance in every direction that has any.

    It computes in float64 on the CPU.

    Args:
        entries: As estimated.
        space: ``ica`` or ``zca``; or ``scaled``, which keeps the shape of the entries and has the
            mean variance of these two, as a control.
        scale: Standard deviation of each coordinate.
    """
    x = entries.double().cpu().numpy()
    return torch.from_numpy(SPACES[space](x, scale)).to(entries)


def standardised(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns ``x (rows, dim)`` less its mean, over its deviation (divisor ``rows``)."""
    return (x - x.mean(0)) / x.std(0)


def independent_components(
    x: NDArray[np.float64],
    scale: float = SCALE,
    max_iter: int = ITERATIONS,
    tol: float = TOLERANCE,
    w_init: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Returns the components of the standardised ``x (rows, dim)``, by FastICA with log cosh.

    They are as many as directions with variance, and the other columns are 0. Where they have not
    converged the library warns, and the last ones count.

    Args:
        x: Entries.
        scale: Standard deviation of each component.
        max_iter: Most iterations.
        tol: It ends below this change of directions.
        w_init: First directions, ``(dim, dim)``; None: drawn from `SEED`.
    """
    x = standardised(x)
    model = FastICA(
        n_components=int(varies(np.linalg.svd(x, full_matrices=False)[1]).sum()),
        algorithm="parallel",
        fun="logcosh",
        whiten="unit-variance",
        whiten_solver="svd",
        max_iter=max_iter,
        tol=tol,
        w_init=w_init,
        random_state=SEED,
    )
    found = np.asarray(model.fit_transform(x)) * scale
    return np.pad(found, ((0, 0), (0, x.shape[1] - found.shape[1])))


def whitened(x: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    """Returns ``x (rows, dim)`` less its mean, turned to equal variance in all directions.

    No rotation is nearer to ``x``: U V^T of the thin decomposition U S V^T.
    """
    u, s, vt = np.linalg.svd(x - x.mean(0), full_matrices=False)
    kept = varies(s)
    return np.asarray(u[:, kept] @ vt[kept]) * (np.sqrt(len(x)) * scale)


def scaled(x: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    """Returns ``x (rows, dim)`` less its mean, times one number: of as much variance in all."""
    x = x - x.mean(0)
    kept = int(varies(np.linalg.svd(x, compute_uv=False)).sum())  # type: ignore[arg-type]
    return np.asarray(x * (scale * np.sqrt(kept / x.var(0).sum())))


def varies(s: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tells which singular values ``s``, the largest first, are of directions with variance."""
    return s > SMALLEST * s[0]


SPACES = {"ica": independent_components, "zca": whitened, "scaled": scaled}
