"""Which source files a source file leads to, read from its text.

What is read from a tree is read once: the papers share most of the files they lead to, and a
text that is parsed again has the same tree.
"""

import ast
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

PACKAGES = ("common", "papers")
TABLES = ("common/registry.py", "common/data/sets.py")


def parse(path: Path) -> ast.Module:
    """Parses a file; the same text is parsed once."""
    return _parse_text(path.read_text(encoding="utf-8"))


@lru_cache(maxsize=1024)
def _parse_text(text: str) -> ast.Module:
    return ast.parse(text)


def module_file(module: str, root: Path) -> Path:
    """Returns where ``module`` would stand: a file, or a package's ``__init__.py``."""
    base = root.joinpath(*module.split("."))
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


def import_targets(tree: ast.Module, path: Path, root: Path) -> list[Path]:
    """Returns the files of `PACKAGES` that ``tree``, read from ``path``, imports."""
    ours = _imported(tree, path.relative_to(root).parts)
    return [file for file in (module_file(name, root) for name in ours) if file.is_file()]


@lru_cache(maxsize=1024)
def _imported(tree: ast.Module, parts: tuple[str, ...]) -> list[str]:
    """Returns what ``tree``, of the file at ``parts`` below the root, may import of `PACKAGES`."""
    modules: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = _absolute(node, parts)
            # `from package import name`: the name may be a module.
            modules |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return sorted(name for name in modules if name.split(".")[0] in PACKAGES)


def _absolute(node: ast.ImportFrom, parts: tuple[str, ...]) -> str:
    if not node.level:
        return node.module or ""
    package = parts[: -node.level]
    return ".".join([*package, *([node.module] if node.module else [])])


def registry_targets(
    names: set[str], root: Path, tables: tuple[str, ...] | None = None
) -> list[Path]:
    """Returns the files that the tables of names resolve ``names`` to.

    A table of parts, as the data sets are one by data module, is asked only in the parts in
    ``names``: a picture's ``folder`` is not the graphs' one.

    Args:
        names: Words a paper uses; what is registered under another name is left out.
        root: The folder that holds ``common``.
        tables: Only these tables; all by default.
    """
    found = []
    for table, part, name, target in registry_entries(root):
        if name in names and part in {"", *names} and (tables is None or table in tables):
            found.append(module_file(target.partition(":")[0], root))
    return found


def registry_entries(root: Path) -> list[tuple[str, str, str, str]]:
    """Returns ``(table, part, name, target)`` of every registration below ``root``."""
    files = filter(Path.is_file, (root / name for name in TABLES))
    return [entry for path in files for entry in _entries(parse(path))]


@lru_cache(maxsize=16)
def _entries(tree: ast.Module) -> list[tuple[str, str, str, str]]:
    """Returns ``(table, part, name, target)`` of every registration in ``tree``.

    Read are mappings of names to a target ``module:attribute``, to a pair of them or to a call that
    takes one, within an assignment to ``TABLE``, or to parts of it. The part is "" where none is
    read.
    """
    found = []
    for statement in tree.body:
        table = _table_name(statement)
        for part, node in _parts(statement):
            if not isinstance(node, ast.Dict):
                continue
            for key, value in zip(node.keys, node.values, strict=True):
                found += [(table, part, _text(key), target) for target in _targets(value)]
    return found


def _targets(value: ast.expr) -> list[str]:
    """Returns the targets in ``value``: itself, or what a pair or a call is made of."""
    nodes = [value]
    if isinstance(value, ast.Tuple):
        nodes = value.elts
    elif isinstance(value, ast.Call):
        nodes = value.args
    return [text for text in map(_text, nodes) if ":" in text]


def _parts(statement: ast.stmt) -> Iterator[tuple[str, ast.AST]]:
    """Yields the nodes of ``statement``, those of a mapping to parts with the part's name."""
    value = statement.value if isinstance(statement, ast.Assign) else None
    if not isinstance(value, ast.Dict):
        yield from (("", node) for node in ast.walk(statement))
        return
    yield "", value  # which may hold names, too
    for key, part in zip(value.keys, value.values, strict=True):
        yield from ((_text(key), node) for node in ast.walk(part))


def _table_name(statement: ast.stmt) -> str:
    names = [node.id for node in ast.walk(statement) if isinstance(node, ast.Name)]
    return names[0] if names else ""


def _text(node: ast.expr | None) -> str:
    value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, str) else ""
