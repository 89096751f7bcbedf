"""Time series with AutoTCL, first in a stock Trainer, then step by step with own optimizers."""

import torch
from lightning import Trainer
from torch.utils.data import DataLoader, TensorDataset

from common.data.series.batches import as_series_batch
from common.data.series.config import SeriesFacts
from papers.autotcl import AutoTCL, AutoTCLConfig

torch.manual_seed(0)
steps = torch.arange(64) / 8
x = torch.sin(steps + 6 * torch.rand(32, 1))[..., None].repeat(1, 1, 2)  # (series, steps, channels)
x = x + 0.1 * torch.randn_like(x)
method = AutoTCLConfig(
    hidden_dim=8,
    depth=2,
    output_dim=16,
    lengths=[1, 2, 4],
    segments=4,
    augmenter_hidden_dim=8,
    augmenter_depth=1,
    augmenter_dim=8,
    augmenter_lengths=[1, 2],
)
module = AutoTCL(method, facts=SeriesFacts(channels=2, steps=64, num_sections=32))
trainer = Trainer(max_epochs=2, accelerator="cpu", logger=False, enable_checkpointing=False)
trainer.fit(module, DataLoader(TensorDataset(x), batch_size=8))

# A plain loop: the encoder and its augmenter learn in turns, each with its optimizer.
module = AutoTCL(method, facts=SeriesFacts(channels=2, steps=64, num_sections=32))
encoder, augmenter = module.configure_optimizers()
for batch in x.split(8):
    module.update_augmenter(batch, augmenter)
    loss = module.update_encoder(as_series_batch(batch), encoder)
    module.count_in_mean()
print("loss", round(loss.item(), 3))

module.eval()
with torch.no_grad():
    print("embedded", tuple(module(x).shape))  # one vector a step
