"""Images with captions: NegCLIP in a stock Trainer, then which caption is nearest to each image."""

import torch
from lightning import Trainer
from torch.utils.data import DataLoader

from common.backbones.text_tower_config import TextTowerConfig
from common.config.schema import OptimizerConfig
from common.data.image_text.config import ImageTextFacts
from common.data.image_text.tokenizers import make_tokenizer
from papers.negclip import NegCLIP, NegCLIPConfig

torch.manual_seed(0)
colours = torch.rand(4, 3, 1, 1)
names = ["red night", "blue sky", "green field", "grey stone"]
classes = torch.arange(256) % 4
images = colours[classes] + 0.1 * torch.randn(256, 3, 32, 32)
captions = [f"a photo of a {names[label]}" for label in classes]

tokenizer = make_tokenizer("words", captions, ())
ids, mask = tokenizer.encode(captions).gather(torch.arange(256), 77)
facts = ImageTextFacts(tokenizer.num_words, tokenizer.pad, tokenizer.eot, tokenizer.unknown)
text = TextTowerConfig(width=32, layers=1, heads=4)
small = NegCLIPConfig(backbone="tiny_conv", text=text, dim=32, warmup_batches=4)
module = NegCLIP(small, OptimizerConfig(name="adamw", lr=2e-3), facts)
trainer = Trainer(max_epochs=3, accelerator="cpu", logger=False, enable_checkpointing=False)
pairs = list(zip(images, ids, mask, strict=True))
trainer.fit(module, DataLoader(pairs, batch_size=64, shuffle=True))

module.eval()
with torch.no_grad():
    u, v = module.project_image(images), module.project_text(ids[:4], mask[:4])
nearest = (u @ torch.nn.functional.normalize(v).T).argmax(1)
right = (nearest == classes).float().mean().item()
print("embedded", tuple(u.shape), "right caption", round(right, 2))
