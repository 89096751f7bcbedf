"""The plan for rows of numbers with answers about which two of three are alike."""

from pathlib import Path

from common.own_data.csv_files import CsvFile
from common.own_data.csv_lines import read_lines
from common.own_data.draft import Draft, check_batch, fit_batch

# What `quick` of SIRL takes to learn.
UPDATES = 3_000
TEST_SHARE = 0.2


def plan_answered(found: CsvFile, draft: Draft) -> None:
    """Plans what can be measured without a simulated person, and the length."""
    draft.choose("data.standardise", True, "columns may have different units")
    draft.choose("evaluation.protocols", ["query-accuracy"], "nobody is simulated")
    given = draft.words.get("data.answers_path")
    if given is None:
        draft.refuse(
            "data.answers_path: name the CSV of answers, data.answers_path=FILE.csv, with the "
            "columns first, second (the alike ones) and odd"
        )
        return
    count = len(read_lines(Path(str(given)).expanduser())) - 1
    tested = max(round(TEST_SHARE * count), 1)
    draft.trained = round((count - tested) * (1 - draft.get("data.holdout")))
    why = f"of {draft.trained:,} training answers"
    draft.choose("data.batch_size", fit_batch(draft.trained, 64), why)
    check_batch(draft, draft.trained, "training answers")
    batches = max(draft.trained // max(draft.get("data.batch_size"), 1), 1)
    draft.choose("trainer.epochs", max(round(UPDATES / batches), 1), f"{UPDATES:,} updates")
