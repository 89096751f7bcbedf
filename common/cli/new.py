"""`papers new`: a new paper's folder, recipe, reference values and tests, which pass."""

import io
import json
import keyword
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import takewhile
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console

from common.config.checkout import SOURCE_ROOT
from common.config.files import write_atomic
from common.config.references import is_method
from common.errors import UsageError

TEMPLATES = Path(__file__).with_name("templates") / "paper"
# What a paper has in the place of those where a loss was tried.
OF_LOSS = TEMPLATES.with_name("loss")

# Template -> where it goes; the rest goes to the paper's folder under its own name.
PLACES = {
    "quick.yaml": "configs/{name}/quick.yaml",
    "test_loss.py": "tests/unit/papers/{name}/test_loss.py",
    "test_module.py": "tests/unit/papers/{name}/test_module.py",
}
REFERENCE = "tests/reference/{name}/loss"
SHARPNESS = 1.7
LIST_HEADING = "## The papers"
# Words of the templates: of the method that a new paper starts with, and of one that was tried.
SPREAD = {
    "summary": """Two random views of an image are mapped to nearby points on a sphere, while the "
    "points of all images are spread over it as evenly as they can be. Neither needs labels, and "
    "without the second term every image would fall on one point.""",
    "method": """The method in this folder is alignment and uniformity (Wang and Isola, ICML 2020,
arXiv 2005.10242): views of one image agree, all images spread over the sphere.""",
    "loss": "views near, images spread over the sphere",
    "arm": "no-spread",
    "fails": ", and `no-spread` to collapse",
    "trap": "Without the spread term all embeddings become one point (variant `no-spread`).",
}
TRIED = {
    "summary": """Two random views of an image pass an encoder and a projector, and a loss "
    "compares the projections of a batch. It was tried on a small bench first, beside losses that "
    "are well known, with the network, the views and the length that all of them had there.""",
    "method": "The loss in this folder was judged by `papers try`.",
    "loss": "the loss of loss.py",
    "arm": "simclr",
    "fails": "",
    "trap": "None is known yet.",
}


@dataclass(frozen=True)
class TriedLoss:
    """A loss that becomes a paper.

    Args:
        source: The text of its file.
        function: Its name there.
        settings: Of each call: numbers, texts, true or false.
        takes_labels: Whether it has an argument ``labels``.
        lr: The rate that it was trained with.
        case: The arrays of a reference case, and what else its JSON says.
    """

    source: str
    function: str
    settings: Mapping[str, Any]
    takes_labels: bool
    lr: float
    case: tuple[dict[str, Any], dict[str, Any]]

    def words(self) -> dict[str, str]:
        """Returns what its templates ask for."""
        labels = "labels={}" if self.takes_labels else ""
        texts = {
            key: json.dumps(value) if isinstance(value, str) else repr(value)
            for key, value in self.settings.items()
        }
        values = [f"{key}={text}" for key, text in texts.items()]
        own = [f"{key}=self.method.{key}" for key in self.settings]
        kinds = [f"    {k}: {type(v).__name__} = {texts[k]}\n" for k, v in self.settings.items()]

        def lines(first: str, rest: list[str], indent: int) -> str:
            return "".join(f"{' ' * indent}{one},\n" for one in [first, *rest] if one)

        return TRIED | {
            "function": self.function,
            "lr": f"{self.lr:g}",
            "fields": "".join(kinds),
            "arguments": lines(labels.format("batch.labels"), own, 12),
            "case": lines(labels.format("torch.arange(len(z1)) % 2"), values, 8),
            "values": lines(labels.format("torch.arange(8) % 2"), values, 8),
        }


def scaffold(
    name: str, console: Console, root: Path = SOURCE_ROOT, tried: TriedLoss | None = None
) -> list[Path]:
    """Writes the files of a new paper ``name`` into the checkout ``root`` and returns them.

    Args:
        name: Of the paper.
        console: Where to tell.
        root: The checkout.
        tried: The loss that it starts with, if any.

    Raises:
        UsageError: The name is no module name or taken, or ``root`` is no checkout.
    """
    check_name(name, root)
    words = {
        "name": name,
        "class_name": "".join(part.capitalize() for part in name.split("_")),
        "title": name.replace("_", " ").capitalize(),
        "year": str(date.today().year),
        **(SPREAD if tried is None else tried.words()),
    }
    files: dict[str, str | bytes] = {}
    for template in sorted(TEMPLATES.glob("*.tmpl")):
        target = PLACES.get(template.stem, f"papers/{{name}}/{template.stem}").format(name=name)
        other = OF_LOSS / template.name
        source = other if tried is not None and other.exists() else template
        files[target] = Template(source.read_text("utf-8")).substitute(words)
    if tried is not None:
        files[f"papers/{name}/loss.py"] = tried.source
    values, description = _pack_case(*(reference_case() if tried is None else tried.case))
    files[REFERENCE.format(name=name) + ".npz"] = values
    files[REFERENCE.format(name=name) + ".json"] = description
    for path, content in files.items():
        write_atomic(root / path, content)
        console.print(f"wrote {os.path.relpath(root / path)}", soft_wrap=True)
    if _add_to_readme(root / "README.md", name):
        readme = os.path.relpath(root / "README.md")
        said = f"wrote {readme}: a line in the list of papers; put it where it belongs"
        console.print(said, soft_wrap=True)
    console.print(
        f"next: papers train {name}; papers leaderboard; pytest -k {name}; docs/adding_a_paper.md"
    )
    return [root / path for path in files]


def check_name(name: str, root: Path = SOURCE_ROOT) -> None:
    """Raises `UsageError` as `scaffold` does."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise UsageError(f"{name!r} is no name for a paper: small letters, digits and _ only")
    if not (root / "pyproject.toml").exists() or not (root / "tests").is_dir():
        raise UsageError(f"{root}: no checkout of the project; clone it and use pip install -e .")
    if is_method(name):
        raise UsageError(f"{name}: is a method that papers share; choose another name")
    for folder in (root / name, root / "papers" / name, root / "configs" / name):
        if folder.exists():
            raise UsageError(f"{folder} exists already; choose another name")


def _pack_case(arrays: dict[str, Any], description: dict[str, Any]) -> tuple[bytes, str]:
    """Returns npz and JSON of a reference case."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    shapes = {key: {"shape": list(np.shape(value))} for key, value in arrays.items()}
    return buffer.getvalue(), json.dumps({**description, "arrays": shapes}, indent=1) + "\n"


def reference_case() -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns arrays and description of one case, computed pair by pair without torch."""
    random = np.random.default_rng(0)
    z1, z2 = (_unit(random.normal(size=(6, 4))) for _ in range(2))
    pairs = [(i, j) for i in range(6) for j in range(i)]
    potentials = {p: np.exp(-SHARPNESS * ((z1[p[0]] - z1[p[1]]) ** 2).sum()) for p in pairs}
    total = sum(potentials.values())
    gradient = 2 * (z1 - z2) / len(z1)
    for (i, j), potential in potentials.items():
        slope = -2 * SHARPNESS * (z1[i] - z1[j]) * potential / total
        gradient[i] += slope
        gradient[j] -= slope
    arrays = {
        "z1": z1,
        "z2": z2,
        "agreement": ((z1 - z2) ** 2).sum(axis=1).mean(),
        "spread": np.log(total / len(pairs)),
        "grad_z1": gradient,
    }
    description = {
        "what": "agreement of two views, and spread of the first",
        "call": "agreement(z1, z2), spread(z1, sharpness); grad_z1 is of their sum",
        "outputs": ["agreement", "spread", "grad_z1"],
        "constants": {"sharpness": SHARPNESS},
        "tolerance": {"float64": 1e-9, "float32": 1e-4},
    }
    return arrays, description


def _unit(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def _add_to_readme(path: Path, name: str) -> bool:
    """Adds the paper below the list of papers, if there is one."""
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    if LIST_HEADING not in lines:
        return False
    after = lines[lines.index(LIST_HEADING) + 1 :]
    section = list(takewhile(lambda line: not line.startswith("## "), after))
    while section and not section[-1]:
        section.pop()
    lines.insert(lines.index(LIST_HEADING) + 1 + len(section), f"- [`{name}`](papers/{name})")
    write_atomic(path, "\n".join(lines) + "\n")
    return True
