import pytest
import torch

from benchmarks.fit import fit_with_callbacks, make_ready
from benchmarks.timing import StepClock


@pytest.mark.slow
def test_a_backbone_in_channels_last_learns_the_same():
    trained = {}
    for setting in ("false", "true"):
        # Adam would make a whole step of the sign of a rounding error.
        sgd = ["optimizer.name=sgd", "optimizer.lr=0.1"]
        ready = make_ready("swav/quick", [f"trainer.channels_last={setting}", *sgd])
        fit_with_callbacks(ready, 2, StepClock(0))
        trained[setting] = ready.module.backbone.layers[3].weight.detach()
    assert trained["false"].is_contiguous()
    assert trained["true"].is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(trained["true"], trained["false"], rtol=0, atol=2e-4)
