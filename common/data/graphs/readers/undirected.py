"""Links as a user gives them, which have no direction: what readers of own graphs share."""

from typing import Any

import scipy.sparse as sp
from numpy.typing import NDArray

from common.data.graphs.graph import Links, make_links


def add_links(
    links: Links,
    pairs: NDArray[Any],
    ends: tuple[str, str],
    num_nodes: dict[str, int],
    where: str,
) -> None:
    """Adds ``pairs``, without direction, to the links that ``links`` has between the two types.

    Within one type each pair counts in both directions, as paths between two types do.

    Raises:
        DataError: As `make_links`.
    """
    if ends[::-1] in links:
        ends, pairs = ends[::-1], pairs[:, ::-1]
    found = make_links(pairs, ends, num_nodes, where)
    if ends[0] == ends[1]:
        found = found + found.T
    joined = sp.csr_matrix(found + links[ends] if ends in links else found)
    joined.data[:] = 1
    links[ends] = joined
