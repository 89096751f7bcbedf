"""What DSE fits to pairs of the user's own: the task, the head, and a teacher that learns first."""

from typing import Any

from common.own_data.draft import Draft
from papers.dse.config import DSEConfig

# Updates of the student, as in `quick`; the teacher gets half as many.
STUDENT = 930
FINE_TUNING = 2e-5  # as published


def fit(found: Any, draft: Draft) -> None:
    """Plans the task by the target, and the lengths of both stages."""
    values = set(found.column(draft.get("data.target")).texts)
    if draft.get("data.classes"):
        task, why = "multi-class", f"{len(values)} classes"
        fc_dims = [*draft.get("method.fc_dims")[:-1], len(values)]
        draft.choose("method.fc_dims", fc_dims, "the last is the number of classes")
    elif {float(value) for value in values} <= {0.0, 1.0}:
        task, why = "binary", "scores are 0 or 1"
    else:
        task, why = "regression", "scores are numbers"
    draft.choose("method.task", task, why)
    protocols = [name for name in draft.base.evaluation.protocols if name == "pair-task"]
    if task == "multi-class":
        draft.choose("evaluation.protocols", protocols, "classes have no order to correlate with")
    if draft.base.method.teacher != "ideal" or "method.teacher" in draft.words:
        return
    checkpoint, rate = draft.get("method.encoder.checkpoint"), draft.base.optimizer.lr
    draft.choose("method.teacher", "trained", "a cross-encoder learns your pairs first")
    updates = max(draft.trained // draft.get("data.batch_size"), 1)
    epochs = max(round(STUDENT / updates), 1)
    if checkpoint is None:
        draft.notes.append(
            "The encoder knows your pairs alone, of which it learns little. "
            "method.encoder.checkpoint=FOLDER starts from a language model (docs/data.md)."
        )
    else:
        epochs, rate = 8, FINE_TUNING
        draft.choose("data.tokenizer", checkpoint, "the checkpoint's own words")
        draft.choose("method.num_top", DSEConfig().num_top, "as published")
        draft.choose("optimizer.lr", rate, "a language model goes on")
    draft.choose("method.teacher_lr", rate, "as the student's")
    first = max(epochs // 2, 1)
    given = {"trainer.epochs", "method.teacher_epochs"} & (draft.words.keys() | draft.kept)
    whole = draft.get("trainer.epochs") if given == {"trainer.epochs"} else 0
    if whole == 1:
        draft.refuse(
            "trainer.epochs=1: the teacher and the student need an epoch each; "
            "use trainer.epochs=2 method.teacher_epochs=1, or more"
        )
    elif 0 < whole < first + epochs:  # both are as much shorter
        first = max(whole * first // (first + epochs), 1)
    draft.choose("method.teacher_epochs", first, f"of {updates} batches each")
    teacher = draft.get("method.teacher_epochs")
    draft.choose("trainer.epochs", teacher + epochs, "the teacher's, then the student's")
