"""The digest of the code that a paper's numbers depend on.

Found by reading source files, without importing them: from the paper's folder and the fit, along
imports, and along the names that registries resolve at run time. Only the half that can move a
number is covered; see `halves`. Comments, docstrings, what errors say, formatting and the Python
version do not change it.

What is found in a tree is kept: the papers share most of their files, and the same text always has
the same tree.
"""

import ast
import hashlib
import os
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from common.config.checkout import SOURCE_ROOT
from common.registry import outside_folder, packages
from common.results.numbers_and_shell import is_numbers

PACKAGES = ("common", "papers")
REGISTRY = "common/registry.py"
FIT = "common/training/fit.py"
# What modalities and targets register in their declarations, and papers with ``own_`` before it.
REGISTERED = ("sets", "readers", "backbones", "protocols")
READERS = ("sets", "readers")
TARGET = re.compile(r"((?:common|papers)(?:\.\w+)+)(?::\w+)?")


def code_digest(paper: str, root: Path = SOURCE_ROOT) -> str:
    """Returns 12 hex digits over the code of ``paper``.

    Args:
        paper: The folder's name under ``papers/``.
        root: The folder that holds ``papers``, ``common`` and ``configs``.
    """
    names = names_in_use(paper, root)
    digest = hashlib.sha256()
    for path in closure(paper, root, names):
        digest.update(path.encode() + b"\0" + _plain_file(parse(root / path)) + b"\0")
    for path, tree in outside_sources(paper):
        digest.update(path.encode() + b"\0" + _plain_file(tree) + b"\0")
    for text in entries_in_use(names, root):
        digest.update(text.encode() + b"\0")
    return digest.hexdigest()[:12]


def closure(paper: str, root: Path = SOURCE_ROOT, names: set[str] | None = None) -> list[str]:
    """Returns the files that the digest covers, relative to ``root``, sorted.

    Readers are passed through, not covered: what they make is guarded by the data hash, but a
    generator of the numbers half that one calls is code of the paper's. ``names`` are those in
    use, where they are known.
    """
    waiting = sorted((root / "papers" / paper).rglob("*.py"))
    waiting.append(root / FIT)
    names = names_in_use(paper, root) if names is None else names
    waiting += registry_targets(names, root)
    readers = set(registry_targets(names, root, READERS))
    found, seen = set(), set()
    while waiting:
        path = waiting.pop()
        name = path.relative_to(root).as_posix()
        covered = is_numbers(name)
        if name in seen or not path.is_file() or not (covered or path in readers):
            continue
        seen.add(name)
        if covered:
            found.add(name)
        tree = parse(path)
        waiting += import_targets(tree, path, root)
        waiting += [module_file(target, root) for target in _targets_in_text(tree)]
    return sorted(found)


def outside_sources(paper: str) -> list[tuple[str, ast.Module]]:
    """Returns name and tree of the files of a paper that another project installs."""
    folder = outside_folder(paper) if paper in packages() else None
    if folder is None:
        return []
    files = sorted(folder.rglob("*.py"))
    named = [(f"papers/{paper}/{path.relative_to(folder).as_posix()}", path) for path in files]
    return [(name, parse(path)) for name, path in named if is_numbers(name)]


def entries_in_use(names: set[str], root: Path) -> list[str]:
    """Returns the registry's entries under ``names`` that lead to the numbers half, as text."""
    found = []
    for table, part, name, target in registry_entries(root):
        if name in names and (not part or part in names):
            path = module_file(target.partition(":")[0], root).relative_to(root).as_posix()
            if is_numbers(path):
                found.append(f"{table} {part} {name} {target}")
    return sorted(found)


def _targets_in_text(tree: ast.Module) -> list[str]:
    """Returns modules named in strings, such as ``"common.methods.simclr:SimCLR"``."""
    matches = (TARGET.fullmatch(text) for text in string_constants(tree))
    return sorted(match[1] for match in matches if match)


@lru_cache(maxsize=1024)
def string_constants(tree: ast.AST) -> frozenset[str]:
    """Returns the strings that stand in ``tree``."""
    nodes = (node for node in _leaves(tree) if isinstance(node, ast.Constant))
    return frozenset(node.value for node in nodes if isinstance(node.value, str))


@lru_cache(maxsize=1024)
def _leaves(tree: ast.AST) -> list[ast.AST]:
    """Returns the imports and constants of ``tree``: a walk takes as long as parsing."""
    kinds = (ast.Import, ast.ImportFrom, ast.Constant)
    return [node for node in ast.walk(tree) if isinstance(node, kinds)]


def names_in_use(paper: str, root: Path) -> set[str]:
    """Returns the words by which ``paper`` may ask registries: from its code and its recipes."""
    names: set[str] = set()
    for path in (root / "papers" / paper).rglob("*.py"):
        if is_numbers(path.relative_to(root).as_posix()):
            names |= string_constants(parse(path))
    names -= _of_other_modules(root / "papers" / paper / "__init__.py", root)
    recipes = (root / "configs" / paper).glob("*.yaml")
    for path in filter(Path.is_file, recipes):  # `papers list` names what is no recipe
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            names |= set(re.findall(r"[\w@./-]+", line.split("#")[0]))
    # What a recipe leaves out is the schema's default, such as the data set's name.
    for path in registry_targets(names, root, tables=("module",)):
        names |= string_constants(parse(path)) if path.is_file() else frozenset()
    return names


def _of_other_modules(declaration: Path, root: Path) -> frozenset[str]:
    """Returns the modalities that a paper declares beside a target that has a data module.

    They say what its samples may be, and are the names of data modules that it does not use.
    """
    declared = _declared(parse(declaration)) if declaration.is_file() else {}
    others = _text(declared.get("target")) in _wings(root)
    return string_constants(declared["modalities"]) if others else frozenset()


@lru_cache(maxsize=1024)
def _plain_file(tree: ast.Module) -> bytes:
    return _plain(tree).encode()


def _plain(node: Any) -> str:
    """Writes a syntax tree without positions, docstrings, words of errors and empty fields.

    ``ast.dump`` is not used: what it prints differs between Python versions.
    """
    if isinstance(node, list):
        return "[" + ",".join(_plain(item) for item in node) + "]"
    if not isinstance(node, ast.AST):
        return repr(node)
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
        return f"Raise({_plain(node.exc.func)})"  # whatever it says
    parts = []
    for name, value in ast.iter_fields(node):
        if name == "body" and _has_docstring(node):
            value = value[1:]
        if value not in (None, []) and name not in ("kind", "type_comment", "ctx"):
            parts.append(f"{name}={_plain(value)}")
    return f"{type(node).__name__}({','.join(parts)})"


def _has_docstring(node: ast.AST) -> bool:
    """Tells whether the first statement in ``node`` is a docstring."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return isinstance(node, kinds) and ast.get_docstring(node, clean=False) is not None


def parse(path: Path) -> ast.Module:
    """Parses a file: one that has not changed is read once, and the same text parsed once."""
    now = os.stat(path)
    return _parse_file(path, now.st_mtime_ns, now.st_size)


@lru_cache(maxsize=1024)
def _parse_file(path: Path, changed: int, size: int) -> ast.Module:
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
    for node in _leaves(tree):
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
    ``names``: an image's ``folder`` is not the graphs' one.

    Args:
        names: Words a paper uses; what is registered under another name is left out.
        root: The folder that holds ``common``.
        tables: Only these tables; all by default.
    """
    found = []
    for table, part, name, target in registry_entries(root):
        known = name in names and (not part or part in names)
        if known and (tables is None or table in tables):
            found.append(module_file(target.partition(":")[0], root))
    return found


def registry_entries(root: Path) -> list[tuple[str, str, str, str]]:
    """Returns ``(table, part, name, target)`` of every registration below ``root``."""
    wings, found = _wings(root), list(_tables(root))
    for wing, path in wings.items():
        tree = parse(path)
        module = _targets(_declared(tree).get("module"))
        found += [("module", "", wing, target) for target in module]
        found += _registered(tree, wing)
    for path in sorted(root.glob("papers/*/__init__.py")):
        tree = parse(path)
        declared = _declared(tree)
        first = next(iter(getattr(declared.get("modalities"), "elts", ())), None)
        own, package = _text(declared.get("target")), f"papers.{path.parent.name}."
        found += _registered(tree, own if own in wings else _text(first), package)
    return found


def _tables(root: Path) -> list[tuple[str, str, str, str]]:
    return _entries(parse(root / REGISTRY)) if (root / REGISTRY).is_file() else []


def _wings(root: Path) -> dict[str, Path]:
    """Returns where each modality or target declares itself."""
    named = {name: target for table, _, name, target in _tables(root) if table == "WINGS"}
    return {name: module_file(one.partition(":")[0], root) for name, one in named.items()}


@lru_cache(maxsize=1024)
def _declared(tree: ast.Module) -> dict[str, ast.expr]:
    """Returns the arguments of the declaration that a package makes, by name."""
    values = [node.value for node in tree.body if isinstance(node, ast.Assign)]
    calls = [value for value in values if isinstance(value, ast.Call)]
    return {one.arg: one.value for call in calls for one in call.keywords if one.arg}


@lru_cache(maxsize=1024)
def _registered(
    tree: ast.Module, module: str, package: str = ""
) -> list[tuple[str, str, str, str]]:
    """Returns what ``tree`` registers; the part of a set is the data module that takes it.

    Args:
        tree: Of a declaration.
        module: The data module that takes its sets, but those which name a target.
        package: Of a paper, whose targets are relative to it.
    """
    declared, found = _declared(tree), []
    for table in REGISTERED:
        value = declared.get(f"own_{table}" if package else table)
        for node in ast.walk(value) if value else ():
            if not isinstance(node, ast.Dict):
                continue
            for key, entry in zip(node.keys, node.values, strict=True):
                named = {one.arg: one.value for one in getattr(entry, "keywords", ())}
                part = (_text(named.get("target")) or module) if table == "sets" else ""
                found += [(table, part, _text(key), package + one) for one in _targets(entry)]
    return found


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


def _targets(value: ast.expr | None) -> list[str]:
    """Returns the targets in ``value``: itself, or what a pair or a call is made of."""
    nodes: list[ast.expr | None] = [value]
    if isinstance(value, ast.Tuple):
        nodes = [*value.elts]
    elif isinstance(value, ast.Call):
        nodes = [*value.args]
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
