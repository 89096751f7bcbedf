"""What MEOW's steps ask of the synthetic graph."""

from common.config.schema import Recipe

# Nodes for each cluster: fewer would leave most clusters with one.
NODES = 2


def rows(recipe: Recipe) -> int:
    """Returns how many target nodes there must be."""
    return NODES * max(getattr(recipe.method, "num_clusters", []), default=0)
