"""Lines and pairs of text; and the plans for papers that learn vectors of sentences."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.errors import DataError
from common.own_data.csv_files import CLASSES, SCORES, Column, CsvFile, called, pair_columns
from common.own_data.csv_lines import no_number, splits_of, text_lines
from common.own_data.draft import Draft, check_batch, fit_batch, span

# What `quick` of SimCSE takes to learn: updates of masked words, then of the contrast.
WORDS, CONTRAST = 1_560, 90
UPDATE = 0.03  # seconds, of 64 short texts on a core
FINE_TUNING = 3e-5  # the rate at which the paper's BERT goes on
ROUND = 200  # updates of each round, as in `quick` of DefSent+
FEWEST = 20
MOST_CLASSES = 20


@dataclass(frozen=True)
class Text:
    """Texts, one a line: ``lengths`` are their words. With a tab in each it may be a dictionary."""

    path: Path
    lengths: list[int]
    forms: tuple[str, ...] = ("lines",)

    def describe(self) -> str:
        """Returns what was found, in words."""
        few, many = np.percentile(self.lengths, [10, 90])
        return f"{len(self.lengths):,} lines of text, {span(few, many)} words in most"


def recognise(path: Path, kind: str) -> Text | None:
    """Returns a text and the words of each line that is not empty; None for another file.

    Raises:
        DataError: Unreadable, or empty.
    """
    if kind != "txt":
        return None
    lines = [line for line in text_lines(path) if line.strip()]
    if not lines:
        raise DataError(f"{path}: holds no text")
    forms = ("entries", "lines") if all("\t" in line for line in lines) else ("lines",)
    return Text(path, [len(line.split()) for line in lines], forms)


def plan_lines(found: Text, draft: Draft) -> None:
    """Plans lengths, stages and what can be measured without scores."""
    if not hasattr(draft.base.method, "pretrain_epochs"):
        draft.refuse(_other_forms(found.path, draft))
        return
    draft.choose("data.name", "lines", "a text on each line")
    if _plan_batches(found.path, found.lengths, "texts", draft):
        _plan_stages(draft)
    if draft.get("data.graded") is None:
        _measure_without_scores(draft)


def plan_entries(found: Text, draft: Draft) -> None:
    """Plans lengths and rounds for a dictionary; a paper of single texts takes its lines."""
    if not hasattr(draft.base.method, "round_epochs"):
        plan_lines(found, draft)
        return
    from common.data.text.config import TextConfig
    from common.data.text.readers.entries import own_entries

    (definitions,) = own_entries(TextConfig(name="entries", path=str(found.path))).train.columns
    lengths = [len(text.split()) for text in definitions]
    if not _plan_batches(found.path, lengths, "definitions", draft, held=0):
        return
    updates = max(draft.trained // draft.get("data.batch_size"), 1)
    rounds = draft.get("method.rounds")
    draft.choose("method.round_epochs", max(round(ROUND / updates), 1), f"{ROUND} updates a round")
    epochs = rounds * draft.get("method.round_epochs")
    draft.choose("trainer.epochs", epochs, f"of {rounds} rounds")
    draft.seconds = UPDATE * updates * draft.get("trainer.epochs")
    checkpoint = draft.get("method.encoder.checkpoint")
    if checkpoint is not None and draft.base.method.encoder.checkpoint is None:
        draft.choose("optimizer.lr", FINE_TUNING, "a language model goes on")
        draft.choose("optimizer.final_lr", 0.0, "it falls to nothing")
        draft.choose("data.tokenizer", checkpoint, "the checkpoint's own words")
    if draft.get("data.graded") is None:
        kept = [name for name in draft.base.evaluation.protocols if name != "sts"]
        draft.choose("evaluation.protocols", kept, "what needs no scored pairs")


def _other_forms(path: Path, draft: Draft) -> str:
    return (
        f"{path}: {draft.paper.name} learns from other forms. dse takes pairs with a score or "
        "class: papers train dse PAIRS.csv data.columns=[NAME,NAME] data.target=NAME. "
        "defsent_plus takes a dictionary: papers train defsent_plus FILE.txt, with an entry, a tab "
        "and its definitions on each line. Texts alone are taken by simcse and whitenedcse"
    )


def plan_pairs(found: CsvFile, draft: Draft) -> None:
    """Plans columns and target of a table; a paper of single texts takes each text by itself."""
    columns = _plan_columns(found, draft)
    if not columns:
        return
    parts = splits_of(found.path, found.lines)
    trained = [part == "train" for part in parts or ["train"] * found.rows]
    lengths = [
        len(text.split())
        for column in columns
        for text, taken in zip(column.texts, trained, strict=True)
        if taken
    ]
    split = len(lengths) < len(columns) * found.rows
    target = _plan_target(found, draft)
    if hasattr(draft.base.method, "pretrain_epochs"):  # as in lines
        if len(columns) == 1 or draft.base.data.name != "pairs":
            draft.choose("data.apart", True, "each text is a sample")
        held = 0 if split else len(columns) * max(int(draft.get("data.holdout") * found.rows), 1)
        if _plan_batches(found.path, lengths, "texts", draft, held):
            _plan_stages(draft)
        if target is None or len(columns) != 2 or draft.get("data.classes"):
            draft.choose("data.target", None, "no scores")
            draft.choose("data.classes", False, "the same")
            if draft.get("data.graded") is None:
                _measure_without_scores(draft)
        return
    if len(columns) != 2 or target is None or not hasattr(draft.base.method, "task"):
        draft.refuse(_other_forms(found.path, draft))
        return
    _check_target(found, target, draft)
    _plan_batches(found.path, lengths[: sum(trained)], "pairs", draft, 0 if split else None)


def _plan_columns(found: CsvFile, draft: Draft) -> list[Column]:
    names = draft.words.get("data.columns")
    if names is None and draft.base.data.name == "pairs" and draft.fixed:
        names = draft.base.data.columns
    pairs = [names] if names else pair_columns(column.name for column in found.columns)
    if len(pairs) != 1:
        told = " or ".join(map(" and ".join, pairs)) or "no columns"
        draft.refuse(f"{found.path}: texts may be in {told}; name them: data.columns=[NAME,NAME]")
        return []
    draft.choose("data.columns", pairs[0], "the texts")
    columns = []
    for name in pairs[0]:
        column = found.column(str(name))
        if column is None:
            known = ", ".join(each.name for each in found.columns)
            draft.refuse(f"data.columns: {found.path} has no column {name}; it has {known}")
        elif column.gap is not None:
            draft.refuse(
                f"{found.path}, line {column.gap}: column {name} is empty; take the line out"
            )
        else:
            columns.append(column)
    return columns if len(columns) == len(pairs[0]) else []


def _plan_target(found: CsvFile, draft: Draft) -> Column | None:
    """Returns the column of scores or classes, named by the user or by its usual name."""
    if "data.target" in draft.words:
        named = [draft.words["data.target"]] if draft.words["data.target"] else []
    else:
        named = called([column.name for column in found.columns], [*SCORES, *CLASSES])
    if len(named) > 1:
        draft.refuse(
            f"{found.path}: {', '.join(named)} may be the score; name one: data.target={named[0]}"
        )
    if len(named) != 1:
        return None
    column = found.column(str(named[0]))
    if column is None:
        known = ", ".join(each.name for each in found.columns)
        draft.refuse(f"data.target={named[0]}: {found.path} has no such column; it has {known}")
    elif column.odd is not None and not draft.get("data.classes"):
        draft.refuse(
            f"{no_number(found.path, column.name, *column.odd)}; take the line out, or "
            "data.classes=true reads classes"
        )
    else:
        draft.choose("data.target", column.name, "what is known of a pair")
        values = set(column.texts)
        several = bool(called([column.name], CLASSES)) and 2 < len(values) <= MOST_CLASSES
        if column.numbers is None or several:
            draft.choose("data.classes", True, f"{len(values)} classes")
    return column


def _check_target(found: CsvFile, target: Column, draft: Draft) -> None:
    """Notes an obstacle where scores have commas, or where a class is not known."""
    from common.data.text.readers.pairs import refuse_unlabelled

    if target.has_commas and "data.classes" not in draft.words:
        draft.refuse(f"{found.path}: {found.commas}, or data.classes=true reads classes")
    elif draft.get("data.classes"):
        try:
            refuse_unlabelled(found.path, found.lines, target.name)
        except DataError as error:
            draft.refuse(str(error))


def _measure_without_scores(draft: Draft) -> None:
    draft.choose("evaluation.protocols", ["isotropy"], "what needs no scored pairs")
    draft.notes.append("data.graded=FILE.csv with scored pairs adds evaluation.protocols=[sts].")


def _plan_batches(
    path: Path, lengths: list[int], what: str, draft: Draft, held: int | None = None
) -> bool:
    """Plans the length of a text and the batch; tells whether there is enough to train on."""
    held = max(int(draft.get("data.holdout") * len(lengths)), 1) if held is None else held
    draft.trained = len(lengths) - 2 * held
    if draft.trained < FEWEST:
        draft.refuse(f"{path}: {len(lengths)} {what}; {FEWEST} and more are needed to train")
        return False
    longest = int(np.percentile(lengths, 90)) + 2
    positions = draft.get("method.encoder.positions")
    draft.choose("data.max_length", max(min(longest, positions), 8), "nine texts of ten are whole")
    most = min(draft.base.data.batch_size, 64)
    draft.choose("data.batch_size", fit_batch(draft.trained, most), f"of {draft.trained:,} {what}")
    check_batch(draft, draft.trained, f"training {what}")
    return True


def _plan_stages(draft: Draft) -> None:
    """Plans the stage of masked words and that of the contrast."""
    updates = max(draft.trained // draft.get("data.batch_size"), 1)
    checkpoint = draft.get("method.encoder.checkpoint")
    words, contrast = (max(round(whole / updates), 1) for whole in (WORDS, CONTRAST))
    if "trainer.epochs" in draft.kept:  # a length of both stages together
        pass
    elif checkpoint is None:
        epochs = draft.get("trainer.epochs") if "trainer.epochs" in draft.words else 0
        if 0 < epochs < words + contrast:  # both stages are as much shorter
            words = epochs * words // (words + contrast)
            warmup = min(draft.get("method.pretrain_warmup_epochs"), words // 10)
            why = f"of {words} epochs" if words else "no masked words come first"
            draft.choose("method.pretrain_warmup_epochs", warmup, why)
        why = "masked words first: no language model is there"
        why = why if words else "too few epochs for a stage of masked words"
        draft.choose("method.pretrain_epochs", words, why)
    elif draft.base.method.encoder.checkpoint is None:
        _start_from(checkpoint, draft)
    draft.choose(
        "trainer.epochs", draft.get("method.pretrain_epochs") + contrast, "of the contrast"
    )
    words, epochs = draft.get("method.pretrain_epochs"), draft.get("trainer.epochs")
    if words >= epochs:
        draft.refuse(
            f"method.pretrain_epochs={words}: no epoch of the contrast is left of "
            f"trainer.epochs={epochs}; name fewer"
        )
    if checkpoint is None:
        draft.seconds = draft.get("trainer.epochs") * updates * UPDATE
        draft.notes.append(
            "The encoder knows your texts alone. method.encoder.checkpoint=FOLDER starts from a "
            "language model (docs/data.md)."
        )
    elif "method.encoder.checkpoint" in draft.words:
        draft.choose("data.tokenizer", checkpoint, "the checkpoint's own words")


def _start_from(checkpoint: str, draft: Draft) -> None:
    """Plans the contrast alone, at a rate that leaves the language model what it knows."""
    draft.choose("method.pretrain_epochs", 0, f"{checkpoint} is a language model already")
    draft.choose("optimizer.lr", FINE_TUNING, "a language model goes on")
    draft.choose("optimizer.final_lr", 0.0, "it falls to nothing")
