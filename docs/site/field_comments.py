"""An extension of Griffe, which reads the code for the Python pages: comments explain fields."""

import ast
from typing import Any

from griffe import Attribute, Docstring, Extension, ObjectNode

from docs.site.declared import comment_above


class FieldComments(Extension):
    """Gives a field of a dataclass the comment above it for a docstring."""

    def on_attribute_instance(
        self, *, node: ast.AST | ObjectNode, attr: Attribute, **others: Any
    ) -> None:
        """Is called for each attribute that Griffe has read."""
        inside = attr.parent is not None and attr.parent.is_class
        if inside and attr.docstring is None and isinstance(node, ast.AnnAssign):
            lines = attr.lines_collection[attr.filepath]  # type: ignore[index]
            if comment := comment_above(lines, node.lineno):
                attr.docstring = Docstring(comment, parent=attr)
