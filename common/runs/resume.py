"""Resumes a run from its last good checkpoint."""

from pathlib import Path

from rich.console import Console

from common.errors import LikewiseError
from common.files import remove_torn
from common.ranks import is_main_process
from common.results.record import Record, read_record
from common.runs.checkpoints import last_good_checkpoint
from common.runs.ending import ended_in_words, to_the_end
from common.runs.folder import RunFolder
from common.runs.interruption import Terminations
from common.runs.run import prepare, train
from common.runs.summary import show_end


def resume_run(run: RunFolder, console: Console, deadline: float | None = None) -> Record | None:
    """Goes on with ``run`` from its last good checkpoint, or from the start if it has none.

    Raises:
        RunInUse: If another process is writing the folder.
        LikewiseError: If checkpoints exist but none can be read.
        RecordError: If the run's record is torn or of a newer version.
    """
    recipe = run.read_recipe()
    if is_main_process():
        run.lock()
    with Terminations() as terminations, ended_in_words(run, terminations):
        if run.record.is_file():
            read_record(run.record)  # a torn or newer one is no proof that the run is complete
            console.print(f"{run.path}: complete already, nothing to resume", soft_wrap=True)
            return None
        if is_main_process():
            remove_torn(run.path, run.checkpoints, run.plots)
        checkpoint = _choose_checkpoint(run, console)
        ready = prepare(recipe, resumed=checkpoint is not None)
        record = to_the_end(run, train(ready, run, console, checkpoint, deadline))
    show_end(record, recipe, run, console)
    return record


def _choose_checkpoint(run: RunFolder, console: Console) -> Path | None:
    checkpoint, problems = last_good_checkpoint(run.checkpoints, run.id)
    for problem in problems:
        run.say(f"warning: {problem}", console, style="yellow")
    if checkpoint is None and problems:
        raise LikewiseError(
            f"{run.checkpoints}: no checkpoint to go on from; mend what the warnings name or "
            "start the run anew"
        )
    run.say(f"resuming from {checkpoint.name if checkpoint else 'the start'}", console)
    return checkpoint
