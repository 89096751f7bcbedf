"""Images with a loader and views of one's own, in a stock Trainer; then their embeddings."""

import torch
from lightning import Trainer
from lightning.pytorch.loggers import CSVLogger
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from common.config.schema import OptimizerConfig
from papers.swav import SwAV, SwAVConfig


class TwoViews(Dataset):
    """Gives two random views of an image, and its label."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images, self.labels = images, labels
        self.view = v2.Compose([v2.RandomResizedCrop(24, antialias=True), v2.ColorJitter(0.4, 0.4)])

    def __len__(self) -> int:
        """Returns the number of images."""
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[list[Tensor], Tensor]:
        """Returns ``(views, label)``; the loader makes ``(views, labels)`` of them."""
        image = self.images[index]
        return [self.view(image), self.view(image)], self.labels[index]


torch.manual_seed(0)
images, labels = torch.rand(64, 3, 32, 32), torch.randint(10, (64,))
module = SwAV(
    method=SwAVConfig(backbone="small_conv", num_prototypes=8, hidden_dim=32, output_dim=16),
    optimizer=OptimizerConfig(name="adam", lr=1e-3, schedule="cosine"),
)
trainer = Trainer(
    max_epochs=2, accelerator="cpu", logger=CSVLogger("lightning_logs"), log_every_n_steps=1
)
trainer.fit(module, DataLoader(TwoViews(images, labels), batch_size=16, drop_last=True))

loaded = SwAV.load_from_checkpoint(trainer.checkpoint_callback.best_model_path).eval()
with torch.no_grad():
    features = loaded(images)
print("embedded", tuple(features.shape))
