"""Lines of text; and the plan for papers that learn vectors of sentences."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.data.sequences.readers.read import numbered_lines
from common.own_data.draft import Draft, check_batch, fit_batch

# What `quick` of SimCSE takes to learn: updates of masked words, then of the contrast.
WORDS, CONTRAST = 1_560, 90
UPDATE = 0.03  # seconds, of 64 short texts on a core
FINE_TUNING = 3e-5  # the rate at which the paper's BERT goes on
FEWEST = 20


@dataclass(frozen=True)
class Text:
    """Texts, one a line: ``lengths`` are their words."""

    path: Path
    lengths: list[int]
    forms = ("lines",)

    def describe(self) -> str:
        """Returns what was found, in words."""
        few, many = np.percentile(self.lengths, [10, 90])
        return f"{len(self.lengths):,} lines of text, {few:.0f} to {many:.0f} words in most"


def recognise(path: Path, kind: str) -> Text | None:
    """Returns a text and the words of each line that is not empty; None for another file."""
    if kind != "txt":
        return None
    return Text(path, [len(words) for _, line in numbered_lines(path) if (words := line.split())])


def plan_lines(found: Text, draft: Draft) -> None:
    """Plans lengths, stages and what can be measured without scores."""
    if not hasattr(draft.base.method, "pretrain_epochs"):
        draft.refuse(
            f"{found.path}: {draft.paper.name} learns from pairs or entries; see docs/data.md"
        )
        return
    draft.choose("data.name", "lines", "a text on each line")
    draft.choose("data.path", str(found.path), "your file")
    draft.trained = round(len(found.lengths) * (1 - 2 * draft.get("data.holdout")))
    if draft.trained < FEWEST:
        draft.refuse(
            f"{found.path}: {len(found.lengths)} texts; {FEWEST} and more are needed to train"
        )
        return
    longest = int(np.percentile(found.lengths, 90)) + 2
    positions = draft.get("method.encoder.positions")
    draft.choose("data.max_length", max(min(longest, positions), 8), "nine texts of ten are whole")
    draft.choose("data.batch_size", fit_batch(draft.trained, 64), f"of {draft.trained:,} texts")
    check_batch(draft, draft.trained, "training texts")
    updates = max(draft.trained // draft.get("data.batch_size"), 1)
    checkpoint = draft.get("method.encoder.checkpoint")
    words, contrast = (max(round(whole / updates), 1) for whole in (WORDS, CONTRAST))
    if "trainer.epochs" in draft.kept:  # a length of both stages together
        pass
    elif checkpoint is None:
        draft.choose(
            "method.pretrain_epochs", words, "masked words first: no language model is there"
        )
    elif draft.base.method.encoder.checkpoint is None:
        _start_from(checkpoint, draft)
    draft.choose(
        "trainer.epochs", draft.get("method.pretrain_epochs") + contrast, "of the contrast"
    )
    if checkpoint is None:
        draft.seconds = draft.get("trainer.epochs") * updates * UPDATE
        draft.notes.append(
            "The encoder knows your texts alone. method.encoder.checkpoint=FOLDER starts from a "
            "language model (docs/data.md)."
        )
    elif "method.encoder.checkpoint" in draft.words:
        draft.choose("data.tokenizer", checkpoint, "the checkpoint's own words")
    if draft.get("data.graded") is None:
        draft.choose("evaluation.protocols", ["isotropy"], "what needs no scored pairs")
        draft.notes.append(
            "data.graded=FILE.csv with scored pairs adds evaluation.protocols=[sts]."
        )


def _start_from(checkpoint: str, draft: Draft) -> None:
    """Plans the contrast alone, at a rate that leaves the language model what it knows."""
    draft.choose("method.pretrain_epochs", 0, f"{checkpoint} is a language model already")
    draft.choose("optimizer.lr", FINE_TUNING, "a language model goes on")
    draft.choose("optimizer.final_lr", 0.0, "it falls to nothing")
