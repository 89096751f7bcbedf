"""Pins agree, the constraints cover what is declared, and the public checks stay complete."""

import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from common.paper import paper_names

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
    ids = {hook["id"] for entry in repositories.values() for hook in entry["hooks"]}
    assert {"ruff-check", "ruff-format", "mypy", "detect-private-key"} <= ids
    assert "check-added-large-files" in ids


def test_ci_covers_every_supported_python() -> None:
    jobs = read(".github/workflows/checks.yml")["jobs"]
    declared = PROJECT["requires-python"].removeprefix(">=")
    assert jobs["tests"]["strategy"]["matrix"]["python"][0] == declared
    commands = [step.get("run") for job in jobs.values() for step in job["steps"]]
    for command in ("ruff check .", "ruff format --check .", "mypy", "pytest -n 2"):
        assert command in commands


@pytest.mark.skipif(shutil.which("jq") is None, reason="the workflow's step needs jq")
def test_the_smoke_run_covers_every_paper(tmp_path: Path) -> None:
    jobs = read(".github/workflows/smoke.yml")["jobs"]
    (step,) = [step for step in jobs["papers"]["steps"] if step.get("id") == "list"]
    variables = {**os.environ, "GITHUB_OUTPUT": str(tmp_path / "output")}
    subprocess.run(["bash", "-e", "-c", step["run"]], cwd=ROOT, env=variables, check=True)
    name, _, listed = (tmp_path / "output").read_text().partition("=")
    assert json.loads(listed) == paper_names()
    assert jobs["papers"]["outputs"]["names"] == f"${{{{ steps.list.outputs.{name} }}}}"
    matrix = jobs["quick"]["strategy"]["matrix"]["paper"]
    assert matrix == "${{ fromJson(needs.papers.outputs.names) }}"
    commands = [step.get("run") for step in jobs["quick"]["steps"]]
    for command in ("papers parity", "papers verify"):
        assert f"{command} ${{{{ matrix.paper }}}}" in commands


def test_each_slow_test_is_run_by_one_job_of_the_weekly_run() -> None:
    (job,) = read(".github/workflows/slow.yml")["jobs"].values()
    command = job["steps"][-1]["run"]
    assert command == 'pytest -n 2 -m "slow and not gpu and not network" ${{ matrix.tests }}'
    parts = [part.split(" --ignore ") for part in job["strategy"]["matrix"]["tests"]]
    for file in (ROOT / "tests").rglob("test_*.py"):
        chosen = [
            part
            for part in parts
            if file.is_relative_to(ROOT / part[0])
            and not any(file.is_relative_to(ROOT / ignored) for ignored in part[1:])
        ]
        assert len(chosen) == 1, file


def test_a_release_is_tested_where_no_checkout_is() -> None:
    jobs = read(".github/workflows/release.yml")["jobs"]
    assert jobs["publish"]["needs"] == "test" and jobs["test"]["needs"] == "build"
    steps = jobs["test"]["steps"]
    assert not any("checkout" in step.get("uses", "") for step in steps)
    commands = [step["run"] for step in steps if "run" in step]
    assert commands[0] == "pip install dist/${{ matrix.package }}"
    assert [command.split()[:2] for command in commands[1:]] == [
        ["papers", "list"],
        ["papers", "train"],
    ]


def test_the_local_run_is_the_same_checks() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    for command in ("pip install --quiet -e '.[dev]'", "ruff check .", "mypy", "\npytest -n 2\n"):
        assert command in script
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_the_version_is_stated_once_alike() -> None:
    assert read("CITATION.cff")["version"] == PROJECT["version"]
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text()
