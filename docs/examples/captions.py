"""Images with captions: NegCLIP in a stock Trainer, with a hard caption for each image."""

import torch
from lightning import Trainer
from torch.utils.data import DataLoader

from common.backbones.text_config import TextTowerConfig
from common.config.schema import OptimizerConfig
from common.data.image_text.batch import PairBatch
from common.data.image_text.config import ImageTextFacts
from common.data.image_text.tokenizers import make_tokenizer
from common.data.sampler import lone_key
from papers.negclip import NegCLIP, NegCLIPConfig

torch.manual_seed(0)
colours = torch.rand(4, 3, 1, 1)
names = ["red night", "blue sky", "green field", "grey stone"]
classes = torch.arange(256) % 4
images = colours[classes] + 0.1 * torch.randn(256, 3, 32, 32)
captions = [f"a photo of a {names[label]}" for label in classes]
wrong = [f"a photo of a {' '.join(reversed(names[label].split()))}" for label in classes]

tokenizer = make_tokenizer("words", captions, ())
ids, mask = tokenizer.encode(captions).gather(torch.arange(256), 77)
wrong_ids, wrong_mask = tokenizer.encode(wrong).gather(torch.arange(256), 77)


def collate(rows):
    """Returns rows with hard captions; without them a plain (images, ids, mask) will do."""
    texts = ids[rows, None], mask[rows, None]
    return PairBatch(
        images[rows, None], *texts, wrong_ids[rows], wrong_mask[rows], lone_key(len(rows))
    )


facts = ImageTextFacts(tokenizer.num_words, tokenizer.pad, tokenizer.eot, tokenizer.unknown)
text = TextTowerConfig(width=32, layers=1, heads=4)
small = NegCLIPConfig(backbone="tiny_conv", text=text, dim=32, warmup_batches=4)
module = NegCLIP(small, OptimizerConfig(name="adamw", lr=2e-3), facts)
trainer = Trainer(max_epochs=3, accelerator="cpu", logger=False, enable_checkpointing=False)
trainer.fit(module, DataLoader(range(256), batch_size=64, shuffle=True, collate_fn=collate))

module.eval()
with torch.no_grad():
    u, v = module.project_image(images), module.project_text(ids[:4], mask[:4])
    w = module.project_text(wrong_ids[:4], wrong_mask[:4])
nearest = (u @ torch.nn.functional.normalize(torch.cat([v, w])).T).argmax(1)
right = (nearest == classes).float().mean().item()
print("embedded", tuple(u.shape), "right one of eight captions", round(right, 2))
