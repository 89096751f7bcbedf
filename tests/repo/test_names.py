"""A public name of ``common`` means one thing."""

import ast
from collections import defaultdict
from pathlib import Path

COMMON = Path(__file__).resolve().parents[2] / "common"
# Such as what each wing of data has, which its declaration finds by one name.
MOST = 20


def test_few_public_names_are_defined_in_more_than_one_file() -> None:
    files = defaultdict(set)
    for path in COMMON.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                files[node.name].add(path.relative_to(COMMON).as_posix())
    shared = {name: sorted(places) for name, places in files.items() if len(places) > 1}
    assert len(shared) < MOST, shared
