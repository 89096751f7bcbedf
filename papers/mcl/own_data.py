"""What MCL fits to images of the user's own: half of the epochs for each of two stages."""

from typing import Any

from common.own_data.draft import Draft


def fit(found: Any, draft: Draft) -> None:
    """Plans stages of equal length, and clusters that fill a batch or two."""
    if draft.base.baseline is not None:
        return
    epochs = draft.get("trainer.epochs")
    if epochs:
        fewest = min(draft.get("method.stages"), epochs)
        draft.choose("method.stages", fewest, f"of {epochs} epochs")
        stages = draft.get("method.stages")
        draft.choose("method.stage_epochs", max(epochs // stages, 1), f"a part of {epochs}")
    clusters = draft.get("method.num_clusters")
    fitting = max(draft.trained // (2 * draft.get("data.batch_size")), 2)
    if fitting < clusters:
        why = f"two batches each of {draft.trained} training images"
        draft.choose("method.num_clusters", fitting, why)
