"""Isotropic spaces of entries: independent components, or whitening."""

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import FastICA
from torch import Tensor

# Of the published code.
SEED, TOLERANCE, ITERATIONS, SCALE = 42, 1e-4, 1000, 100.0


def isotropic(entries: Tensor, space: str, scale: float) -> Tensor:
    """Returns entries ``(entries, dim)`` with the covariance ``scale ** 2`` times the identity.

    It computes in float64 on the CPU.

    Args:
        entries: As estimated.
        space: ``ica`` or ``zca``.
        scale: Standard deviation of each coordinate.
    """
    x = entries.double().cpu().numpy()
    found = independent_components(x, scale) if space == "ica" else whitened(x, scale)
    return torch.from_numpy(found).to(entries)


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
    """Returns all components of the standardised ``x (rows, dim)``, by FastICA with log cosh.

    Where they have not converged the library warns, and the last ones count.

    Args:
        x: Entries, more of them than features.
        scale: Standard deviation of each component.
        max_iter: Most iterations.
        tol: Of the change of directions, below which it ends.
        w_init: First directions, ``(dim, dim)``; None: drawn from `SEED`.
    """
    model = FastICA(
        algorithm="parallel",
        fun="logcosh",
        whiten="unit-variance",
        whiten_solver="svd",
        max_iter=max_iter,
        tol=tol,
        w_init=w_init,
        random_state=SEED,
    )
    return np.asarray(model.fit_transform(standardised(x))) * scale


def whitened(x: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    """Returns ``x (rows, dim)`` less its mean, turned to equal variance in all directions.

    No rotation is nearer to ``x``: U V^T of the thin decomposition U S V^T.
    """
    u, _, vt = np.linalg.svd(x - x.mean(0), full_matrices=False)
    return np.asarray(u @ vt) * (np.sqrt(len(x)) * scale)
