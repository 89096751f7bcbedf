"""A table and a number to predict: SupReMix in a stock Trainer, then ridge on its embeddings."""

import torch
from lightning import Trainer
from sklearn.linear_model import Ridge
from torch.utils.data import DataLoader, TensorDataset

from common.config.schema import OptimizerConfig
from common.data.targets.regression.config import RegressionFacts
from papers.supremix import SupReMix, SupReMixConfig

torch.manual_seed(0)
x = torch.randn(256, 6)
y = 10 * torch.sin(x[:, 0]) + 3 * x[:, 1] + 50
facts = RegressionFacts(
    shape=(6,),
    num_samples=len(x),
    batch_range=float(y.max() - y.min()),
    target_range=(float(y.min()), float(y.max())),
)
module = SupReMix(
    SupReMixConfig(backbone="mlp", hidden_dim=32, output_dim=16, window=5.0),
    OptimizerConfig(name="adam", lr=1e-3),
    facts,
)
trainer = Trainer(max_epochs=3, accelerator="cpu", logger=False, enable_checkpointing=False)
trainer.fit(module, DataLoader(TensorDataset(x, y), batch_size=64, shuffle=True))

module.eval()
with torch.no_grad():
    features = module(x).numpy()
probe = Ridge().fit(features[:192], y[:192])
print("embedded", features.shape, "R2", round(probe.score(features[192:], y[192:]), 2))
