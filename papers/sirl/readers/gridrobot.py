"""GridRobot: every shortest path between the corners of a grid, with an angle that is held."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from common.distributed.draws import keyed_generator
from papers.sirl.data_config import TrajectoryConfig
from papers.sirl.rows import TrajectorySet

Point = Sequence[int]
SIZE = (5, 5)
STARTS = ((0, 0), (0, 4), (4, 0), (4, 4))
GOALS = ((4, 4), (4, 0), (0, 4), (0, 0))
ANGLES = (-1.5708, -1.0472, -0.5236, 0.0, 0.5236, 1.0472, 1.5708)
TEST_SHARE = 0.2
SPLIT_SEED = 0


def gridrobot(config: TrajectoryConfig) -> TrajectorySet:
    """Returns all 1,960 trajectories of 19 numbers; a fixed fifth of them is tested."""
    rows, features = enumerate_trajectories(SIZE, STARTS, GOALS, ANGLES)
    order = torch.randperm(len(rows), generator=keyed_generator(SPLIT_SEED))
    is_test = torch.zeros(len(rows), dtype=torch.bool)
    is_test[order[: round(TEST_SHARE * len(rows))]] = True
    return TrajectorySet(rows, is_test, features, columns=column_names((rows.shape[1] - 1) // 2))


def column_names(way_points: int) -> tuple[str, ...]:
    """Returns ``x0, y0, x1, ..., angle``."""
    return (*(f"{axis}{step}" for step in range(way_points) for axis in "xy"), "angle")


def enumerate_trajectories(
    size: tuple[int, int], starts: Sequence[Point], goals: Sequence[Point], angles: Sequence[float]
) -> tuple[Tensor, Tensor]:
    """Returns all trajectories, ``(rows, 2 * way-points + 1)``, and their true features.

    A path takes moves of length 1, none of them away from its goal. The features are the sum over
    the way-points of the distance to the grid's centre, and the absolute angle: ``(rows, 2)``.

    Args:
        size: Width and height of the grid.
        starts: Corners that paths begin at.
        goals: Where the path from each of them ends; all pairs are as far apart.
        angles: What is held along a path.
    """
    paths = torch.cat([_paths(*pair) for pair in zip(starts, goals, strict=True)])
    centre = (torch.tensor(size, dtype=torch.float64) - 1) / 2
    # NumPy's root is correctly rounded; torch's differs in the last bit between processors.
    away = np.sqrt((paths - centre).square().sum(2).numpy())
    far = torch.from_numpy(away).sum(1)
    angle = torch.tensor(angles, dtype=torch.float64).repeat_interleave(len(paths))
    rows = torch.cat([paths.flatten(1).repeat(len(angles), 1), angle[:, None]], 1)
    return rows, torch.stack([far.repeat(len(angles)), angle.abs()], 1)


def _paths(start: Point, goal: Point) -> Tensor:
    """Returns ``(paths, way-points, 2)``, in the order of the times of the moves along x."""
    across, up = goal[0] - start[0], goal[1] - start[1]
    count, along_x, along_y = abs(across) + abs(up), (_sign(across), 0), (0, _sign(up))
    found = []
    for times in combinations(range(count), abs(across)):
        moves = [along_x if step in times else along_y for step in range(count)]
        found.append([tuple(start), *moves])
    return torch.tensor(found, dtype=torch.float64).cumsum(1)


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)
