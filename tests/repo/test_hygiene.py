"""Pins and versions agree, and the constraints cover what is declared."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
RUNTIME = [Requirement(text) for text in PROJECT["dependencies"]]
DEVELOPMENT = [Requirement(text) for text in PROJECT["optional-dependencies"]["dev"]]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    return {name: version for name, version in pairs}


def read(path: str):
    return yaml.safe_load((ROOT / path).read_text())


def test_constraints_are_plain_pins() -> None:
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        assert line.startswith("#") or re.fullmatch(r"[a-z0-9-]+==[0-9][a-z0-9.]*", line), line


@pytest.mark.parametrize("requirement", RUNTIME + DEVELOPMENT, ids=str)
def test_constraints_cover_what_is_declared(requirement: Requirement) -> None:
    version = constraints()[normal(requirement.name)]
    assert requirement.specifier.contains(version), f"{requirement} but {version}"


def test_hard_dependencies_are_few() -> None:
    assert len(RUNTIME) <= 15


def test_the_hooks_run_the_pinned_versions() -> None:
    pins = {item.name: str(item.specifier).removeprefix("==") for item in DEVELOPMENT}
    repositories = {entry["repo"]: entry for entry in read(".pre-commit-config.yaml")["repos"]}
    ruff = repositories["https://github.com/astral-sh/ruff-pre-commit"]
    assert ruff["rev"] == f"v{pins['ruff']}"


def test_the_version_is_stated_once_alike() -> None:
    assert read("CITATION.cff")["version"] == PROJECT["version"]
