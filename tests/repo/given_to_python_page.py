"""What docs/python.md takes as given: loaders, a graph, and the checkpoint of its module."""

import torch
from torch.utils.data import DataLoader, TensorDataset
from torch_geometric.data import HeteroData

from papers.meow import MEOW

images, labels = torch.rand(40, 3, 32, 32), torch.arange(40) % 2
loader = DataLoader([([x, x.flip(2)], y) for x, y in zip(images, labels, strict=True)], 20)
train = test = DataLoader(TensorDataset(images, labels), 20)

data, papers = HeteroData(), torch.arange(30)
data["paper"].x = torch.rand(30, 4)
data["author"].num_nodes = 10
data["author", "writes", "paper"].edge_index = torch.stack([papers % 10, papers])
metapaths, path = ["paper-author-paper"], "graph.ckpt"
state = MEOW.from_hetero_data(data, "paper", metapaths).state_dict()
torch.save({"state_dict": state}, path)
