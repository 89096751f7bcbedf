"""What is typed to use weights: the command, and Python."""

import shlex

from common.config.schema import Recipe
from common.paper import get_paper


def use_lines(recipe: Recipe, file: str) -> list[str]:
    """Returns the lines that use the released ``file`` of ``recipe``'s weights."""
    weights = ["--weights", file]
    lines = [
        shlex.join(["papers", "embed", recipe.name, *weights, "--data", "PATH"]),
        shlex.join(["papers", "evaluate", recipe.name, *weights]),
    ]
    paper = get_paper(recipe.paper)
    if recipe.baseline is None:
        lines += [
            "",
            f"from {paper.package} import {paper.module_class}",
            f"module = {paper.module_class}.load_from_checkpoint({file!r}).eval()",
        ]
    return lines
