"""Embeds the papers of a small graph: a HeteroData, MEOW, and a Trainer of Lightning's own."""

import lightning
import torch
from torch_geometric.data import HeteroData

from papers.meow import MEOW, MEOWConfig


def make_graph() -> HeteroData:
    """Returns 120 papers with features, 40 authors and 4 venues; none has a label."""
    papers, data = torch.arange(120), HeteroData()
    data["paper"].x = torch.rand(120, 16)
    data["author"].num_nodes = 40  # no features: one-hot rows
    data["venue"].num_nodes = 4
    data["author", "writes", "paper"].edge_index = torch.stack([torch.randint(40, (120,)), papers])
    data["paper", "appears_in", "venue"].edge_index = torch.stack([papers, papers % 4])
    return data


def main() -> None:
    """Trains, and prints the papers that are nearest to paper 0."""
    lightning.seed_everything(0)
    paths = ["paper-author-paper", "paper-venue-paper"]
    method = MEOWConfig(dim=32, num_clusters=[4, 8])
    model = MEOW.from_hetero_data(make_graph(), "paper", paths, method=method, top_k=[10])
    trainer = lightning.Trainer(max_epochs=50, logger=False, enable_checkpointing=False)
    trainer.fit(model)  # an epoch is one step on the whole graph
    z = torch.nn.functional.normalize(model.embed(), dim=1)  # (papers, dim): row i is paper i
    print(
        f"embedded {tuple(z.shape)}; nearest to paper 0:", (z @ z[0]).topk(6).indices[1:].tolist()
    )


if __name__ == "__main__":
    main()
