"""One loss in a plain loop, with a network of one's own."""

import torch
from torch import nn

from common.losses import nt_xent

torch.manual_seed(0)
x = torch.rand(256, 20)
encoder = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 16))
optimizer = torch.optim.Adam(encoder.parameters(), lr=3e-3)
for step in range(40):
    batch = x[torch.randperm(len(x))[:64]]
    first, second = (batch + 0.1 * torch.randn_like(batch) for _ in range(2))
    loss = nt_xent(encoder(first), encoder(second), temperature=0.2)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print("step", step, "loss", round(loss.item(), 3))

encoder.eval()
with torch.no_grad():
    print("embedded", tuple(encoder(x).shape))
