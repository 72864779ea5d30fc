"""Two steps of a run that leave nothing behind, and what they took."""

import resource
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from mmssl.data.loader import training_batches
from mmssl.run import Run
from mmssl.training.card import counts
from mmssl.training.loop import train
from mmssl.training.processes import first

STEPS = 2


def _memory() -> str:
    """Most that was used so far."""
    if torch.cuda.is_available():
        return f"{torch.cuda.max_memory_allocated() / 2**30:.2f} GiB on the GPU"
    # Linux counts in KiB.
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB in this process"


def dry_run(run: Run, device: str = "auto", begin_with: Path | None = None) -> None:
    """Build everything, show what a batch and the model look like, train two steps, show the memory.

    Raises:
        MmsslError: whatever the run itself would raise.
    """
    batch = next(training_batches(run.data.open(), batch_size=run.batch_size, seed=run.seed))
    if first():
        for name, tensor in batch.tensors():
            print(f"{name:<14} {tuple(tensor.shape)} {tensor.dtype}".replace("torch.", ""))
        for name, count in counts(run).items():
            print(f"{name:<14} {count:,} parameters")
    with TemporaryDirectory() as folder:
        train(replace(run, steps=STEPS, evaluations={}), Path(folder) / "run", device=device, begin_with=begin_with)
    if first():
        print(f"{'memory':<14} {_memory()}, batch of {run.batch_size}")
