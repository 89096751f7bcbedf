"""The command `papers parity`: compares with stored reference values, or writes a case of them."""

from pathlib import Path
from typing import Annotated

import typer

from common.config.console import Screen
from common.config.files import check_output
from common.config.yaml_io import parse_overrides
from common.errors import UsageError
from common.paper import get_paper
from common.results.reference import PARTS

console = Screen()


def parity_command(
    paper: Annotated[str | None, typer.Argument(metavar="[PAPER]")] = None,
    constants: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="With --record: the case's constants."),
    ] = None,
    cases: Annotated[
        Path | None, typer.Option(help="A folder of cases, or with one such folder for each paper.")
    ] = None,
    record: Annotated[
        str | None, typer.Option(metavar="CASE", help="Write this case instead of comparing.")
    ] = None,
    function: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE:NAME",
            help="With --record: takes a case of the inputs, returns the outputs by name.",
        ),
    ] = None,
    inputs: Annotated[
        Path | None, typer.Option(metavar="FILE.npz", help="With --record: the input arrays.")
    ] = None,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="With --record: the folder of cases.")
    ] = Path(),
    force: Annotated[
        bool, typer.Option("--force", help="With --record: replace a case that exists.")
    ] = False,
) -> None:
    """Compares our functions with stored reference values; the exit code is 1 on a miss.

    With --record it stores what another implementation computes, such as the official code.
    MODULE is in the current folder or installed.
    """
    name = paper.lower() if paper else None
    if name is not None and name not in PARTS:
        name = get_paper(name).name
    if record is not None:
        if name is None or function is None or inputs is None:
            raise UsageError("--record CASE needs PAPER, --function MODULE:NAME and --inputs FILE")
        target = _new_case(out, record, inputs, force)
        given = parse_overrides(constants or [])
        from common.results.parity import write_case

        write_case(target, function, inputs, given)
        console.print(f"wrote {target} and the .npz beside it", soft_wrap=True)
        console.print(f"compare: papers parity {name} --cases {out}", soft_wrap=True)
        return
    if constants or function or inputs:
        raise UsageError("--function, --inputs and KEY=VALUE are for --record CASE")
    if cases is not None and not cases.is_dir():
        raise UsageError(f"--cases {cases}: there is no such folder")
    from common.results.parity import report_parity

    report_parity(name, cases, console)


def _new_case(folder: Path, name: str, inputs: Path, force: bool) -> Path:
    """Returns the file of the new case; refuses its name, its inputs or a file that exists."""
    if not name.isidentifier():
        raise UsageError(f"--record {name}: must be letters, digits and _, and begin with a letter")
    if not inputs.is_file():
        raise UsageError(f"--inputs {inputs}: there is no such file")
    target = folder / f"{name}.json"
    for path in (target, target.with_suffix(".npz")):
        check_output(path, {path.suffix: None}, force, "--record CASE")
    return target
