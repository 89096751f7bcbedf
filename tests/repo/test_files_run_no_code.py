"""Files and words are read as data: nothing in `common` and `papers` may run what they hold.

Nor may an archive write outside its folder: `download` unpacks member by member.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(path for room in ("common", "papers") for path in (ROOT / room).rglob("*.py"))
# What each loader must say in the call itself, whatever the library's default is today.
REQUIRED = {
    "np.load": ("allow_pickle", False),
    "numpy.load": ("allow_pickle", False),
    "np.lib.format.read_array": ("allow_pickle", False),
    "torch.load": ("weights_only", True),
}
# These have no safe form. `pickle` itself may be imported, for the names of its errors.
REFUSED = {
    *("pickle.load", "pickle.loads", "pickle.Unpickler", "pd.read_pickle", "pandas.read_pickle"),
    *("torch.hub.load", "torch.jit.load"),
    *("eval", "exec", "os.system", "os.popen"),
    *("subprocess.getoutput", "subprocess.getstatusoutput", "shutil.unpack_archive"),
}
# YAML is read by one file, whose loader makes no objects; `test_yaml_io.py` holds it to that.
YAML = ROOT / "common" / "config" / "yaml_io.py"
MODULES = {"joblib", "dill", "cloudpickle", "marshal", "shelve", "yaml"}
UNPACKING = {"extract", "extractall"}


def unsafe(tree: ast.AST) -> Iterator[int]:
    """Yields the lines that can run what they are given, or unpack it anywhere."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            said = {word.arg: getattr(word.value, "value", None) for word in node.keywords}
            keyword, value = REQUIRED.get(name, ("", None))
            unpacks = name.rpartition(".")[2] in UNPACKING and said.get("filter") != "data"
            by_shell = said.get("shell", False) is not False
            if name in REFUSED or said.get(keyword) is not value or unpacks or by_shell:
                yield node.lineno
        elif isinstance(node, ast.Import):
            if MODULES & {item.name.partition(".")[0] for item in node.names}:
                yield node.lineno
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{item.name}" for item in node.names}
            package = (node.module or "").partition(".")[0]
            if package in MODULES or names & (set(REQUIRED) | REFUSED):
                yield node.lineno  # under another name the rules above would not see it


def test_every_file_is_read_as_data() -> None:
    others = [path for path in SOURCES if path != YAML]
    found = {path: list(unsafe(ast.parse(path.read_text()))) for path in others}
    assert {str(path.relative_to(ROOT)): lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("np.load(path, allow_pickle=False)\ntorch.load(path, weights_only=True)", []),
        ("np.load(path)", [1]),
        ("np.load(path, allow_pickle=True)", [1]),
        ("with numpy.load(path, allow_pickle=flag) as file: pass", [1]),
        ("torch.load(path, map_location='cpu')\ntorch.load(path, weights_only=False)", [1, 2]),
        ("pickle.loads(content)\npickle.dumps(content)", [1]),
        ("eval(text)\nmodule.eval()\nexec(text)\nos.system(text)", [1, 3, 4]),
        ("run(line, shell=True)\nrun(words, shell=False)\nrun(line, shell=flag)", [1, 3]),
        ("import yaml\nfrom yaml.loader import Loader\nfrom omegaconf import OmegaConf", [1, 2]),
        ("tar.extractall(folder)\ntar.extractall(folder, filter='data')", [1]),
        ("tar.extract(member, filter='fully_trusted')\ntar.extractfile(member)", [1]),
        ("from os import system\nshutil.unpack_archive(path)", [1, 2]),
        ("import joblib\nfrom torch import load\nfrom pickle import Unpickler", [1, 2, 3]),
    ],
)
def test_the_rule_sees_what_it_should(text: str, lines: list[int]) -> None:
    assert list(unsafe(ast.parse(text))) == lines
