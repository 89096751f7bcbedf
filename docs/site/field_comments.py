"""An extension of Griffe, which reads the code for the Python pages.

Comments explain fields, and the constants of modules are left out.
"""

import ast
from typing import Any

from griffe import Attribute, Docstring, Extension, Module, ObjectNode

from docs.site.declared import comment_above


class FieldComments(Extension):
    """Gives a field of a dataclass the comment above it for a docstring; drops constants."""

    def on_attribute_instance(
        self, *, node: ast.AST | ObjectNode, attr: Attribute, **others: Any
    ) -> None:
        """Is called for each attribute that Griffe has read."""
        inside = attr.parent is not None and attr.parent.is_class
        if inside and attr.docstring is None and isinstance(node, ast.AnnAssign):
            lines = attr.lines_collection[attr.filepath]  # type: ignore[index]
            if comment := comment_above(lines, node.lineno):
                attr.docstring = Docstring(comment, parent=attr)

    def on_module(self, *, mod: Module, **others: Any) -> None:
        """Is called for each module that Griffe has read."""
        for name, member in [*mod.members.items()]:
            if not member.is_alias and member.is_attribute:
                mod.del_member(name)
