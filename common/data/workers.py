"""What became of a process that makes batches, in words."""

import re

# By the signal that ended it, in libc's words.
CAUSES = {
    "Killed": "the system does so when memory runs out: use fewer data.workers or a smaller "
    "data.batch_size",
    "Bus error": "it comes when shared memory runs out: raise its limit or use fewer data.workers",
}
MEND = "data.workers=0 shows where it fails"


def dead_workers(error: RuntimeError) -> set[int]:
    """Returns the ids of the processes whose death ``error`` tells of, in torch's words."""
    if not str(error).startswith("DataLoader worker"):
        return set()
    listed = " ".join(re.findall(r"pid[^\d]*([\d, ]+)", str(error)))
    return {int(number) for number in re.findall(r"\d+", listed)}


def died_in_words(error: RuntimeError, place: str = "") -> str | None:
    """Returns how a worker ended, why and the mend; None if ``error`` tells of something else.

    Args:
        error: What torch raised.
        place: What the worker was at, such as " while reading cat.jpg".
    """
    if not dead_workers(error):
        return None
    signal = re.search(r"by signal: ([\w ]+)", str(error))
    code = re.search(r"exit code \d+", str(error))
    how = f"by a signal ({signal[1]})" if signal else f"with {code[0]}" if code else "unexpectedly"
    cause = CAUSES.get(signal[1] if signal else "", MEND)
    return f"a process that makes batches ended {how}{place}; {cause}"
