"""`papers verify`: do the present code and data give the numbers of the records?"""

import time
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from common.config.checkout import SOURCE_ROOT, require_checkout
from common.errors import DataError, LikewiseError, MissingLibrary
from common.results.ledger import setting_of
from common.results.record import Record, load_records
from common.runs.progress import time_left
from common.steps.check import by_setting, check_paper, data_of


def verify_paper(
    paper: str, store: bool, console: Console, root: Path | None = None, only_new: bool = False
) -> None:
    """Holds code and data against the stored steps and data hashes of the paper's records.

    Args:
        paper: The folder's name under ``papers/``.
        store: Store steps that are missing, and anew those that moved.
        console: Where to tell.
        root: The folder that holds ``results/``; this checkout by default.
        only_new: Take no steps again that this very code has agreed with before.

    Raises:
        LikewiseError: If numbers moved, or data are others than a record's.
    """
    if root is None:
        require_checkout("papers verify")
        root = SOURCE_ROOT
    records = load_records(root / "results", paper)
    others = data_differences(by_setting(records).values(), console)
    started = time.perf_counter()
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("stored steps", total=None)

        def advance(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)
            if not console.is_terminal:  # there the bar is not shown
                left = time_left(time.perf_counter() - started, done, total)
                console.print(f"  stored steps {done}/{total}, {left}")

        def leave_out(record: Record, why: str) -> None:
            said = f"  {record.reference}: no steps are stored for it: {why}"
            console.print(said, soft_wrap=True)

        ledger, check = check_paper(paper, root, store, others, advance, leave_out, only_new)
    rows = [record for record in records if setting_of(record) in ledger.settings]
    console.print(
        f"{paper}: {len(ledger.files)} files of steps for {len(ledger.settings)} settings, "
        f"{len(rows)} records: {len(check.agree)} agree, {len(check.differ)} moved, "
        f"{len(ledger.files) - len(check.agree) - len(check.differ)} too sensitive to tell",
        soft_wrap=True,
    )
    for id_, differ in check.differ.items():
        name = next((name for name, one in ledger.files.items() if one == id_), id_)
        users = {one.reference for one in rows if name in ledger.settings[setting_of(one)]}
        said = f"  {name} ({', '.join(sorted(users))}): {'; '.join(differ)}"
        console.print(said, soft_wrap=True)
    if check.differ or others:
        raise LikewiseError(
            f"{paper}: {len(check.differ)} files of steps moved, {len(others)} data sets are not "
            f"those of the records; if that is meant: papers verify {paper} --store"
        )
    console.print("next:  papers leaderboard")


def data_differences(records: Iterable[Record], console: Console) -> list[str]:
    """Reads each data set that is at hand; returns the records' hashes that it does not have.

    Readers are outside of the code digest: this is what watches them.
    """
    others = []
    for (name, expected), record in {(one.data, one.data_hash): one for one in records}.items():
        try:
            data = data_of(record)
        except (DataError, MissingLibrary) as error:
            console.print(f"  {name}: not read ({error})", soft_wrap=True)
            continue
        if data.fingerprint != expected:
            others.append(expected)
            said = f"  {name}: hash {data.fingerprint}, the records have {expected}"
            console.print(said, style="red")
    return others
