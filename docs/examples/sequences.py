"""Clicks: who will open what next, with MCLRec in a stock Trainer; then the ten best items."""

import torch
from lightning import Trainer
from torch.utils.data import DataLoader, TensorDataset

from common.data.sequences.config import SequenceFacts
from common.data.sequences.views import ViewRatios, draw_views, make_sequence_views
from papers.mclrec import MCLRec, MCLRecConfig

torch.manual_seed(0)
# Items are counted from 1; 0 fills the places after a sequence's end.
items = torch.randint(1, 51, (128, 12))
lengths = torch.randint(4, 12, (128,))
targets = items[torch.arange(128), lengths]
items[torch.arange(12) >= lengths[:, None]] = 0


def with_views(rows: list) -> tuple:
    """Collates ``(items, length, target)`` and adds two views: cropped, masked or reordered."""
    items, lengths, targets = (torch.stack(part) for part in zip(*rows, strict=True))
    draws = draw_views(*items.shape, torch.Generator().manual_seed(int(torch.randint(2**31, ()))))
    views, view_lengths = make_sequence_views(items, lengths, draws, ViewRatios(0.5, 0.5, 0.8))
    return items, lengths, targets, views, view_lengths


data = TensorDataset(items, lengths, targets)
module = MCLRec(MCLRecConfig(dim=16), facts=SequenceFacts(num_items=50, max_length=12))
trainer = Trainer(max_epochs=2, accelerator="cpu", logger=False, enable_checkpointing=False)
trainer.fit(module, DataLoader(data, batch_size=32, collate_fn=with_views))

module.eval()
with torch.no_grad():
    users = module(items, lengths)
    scores = users @ module.item_table()[1:].T
print("embedded", tuple(users.shape), "best of the first:", (scores[0].topk(10)[1] + 1).tolist())
