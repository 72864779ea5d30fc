"""Training without sight: whatever is still learnt, sound alone gives away."""

from collections.abc import Callable

import torch

from mmssl.batch import Batch
from mmssl.objective import Objective, Terms


def trained_blind(objective: Objective, sample: Callable[..., Batch], steps: int, lr: float) -> list[Terms]:
    """The terms of each step, on fresh batches of 16 clips whose pictures are all gray."""
    optimizer, seen = torch.optim.Adam(objective.parameters(), lr), []
    for step in range(steps):
        batch = sample(16, seed=step)
        batch.video[:] = 128
        loss, terms = objective(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen.append(terms)
    return seen
