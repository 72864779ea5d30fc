"""Two and four real processes of B clips step like one of all: loss, terms and gradient of every objective.

What equals what: one batch over any number of processes, and one batch through the encoders in chunks (the gradient
cache), give the loss and gradient of one process with all clips at once. `accumulate` does not: it takes the mean of
the losses of several batches, each with its own negatives, which is another loss for all that compares clips.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from mmssl.objective import Objective

Found = list[dict[str, Any]]  # by each process, what it found by name


@pytest.fixture(scope="session", params=[2, 4], ids=["two", "four"])
def parts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Found:
    folder, script = tmp_path_factory.mktemp("world"), Path(__file__).with_name("one_of_many.py")
    world: int = request.param
    processes = [
        subprocess.Popen(
            [sys.executable, str(script), str(rank), str(world), str(folder)],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        for rank in range(world)
    ]
    try:
        messages = [process.communicate(timeout=200)[1].decode() for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0] * world, "\n".join(messages)
    return [torch.load(folder / f"{rank}.pt") for rank in range(world)]


def mean(values: list[Tensor]) -> Tensor:
    return torch.stack(values).mean(0)


def near(found: list[Tensor], expected: list[Tensor]) -> None:
    """A whole gradient to 1e-5 of its length; a single number of it may be what is left of others that cancel."""
    one, other = (torch.cat([part.flatten() for part in parts]) for parts in (found, expected))
    assert (one - other).norm() <= 1e-5 * other.norm()
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["sample", "with_holes", "one_sided", "in_chunks"])
def test_processes_equal_one(
    found: type[Objective], kind: str, parts: Found, build: Callable[..., Objective], request: pytest.FixtureRequest
) -> None:
    objective = build(found)
    if kind == "in_chunks" and objective.chunk is None:
        pytest.skip("needs its whole batch")
    batch = request.getfixturevalue("with_holes" if kind == "in_chunks" else kind)(8)
    loss, terms = objective(batch)
    loss.backward()
    losses, all_terms, gradients = zip(*(part[f"{found.__name__} {kind}"] for part in parts), strict=True)
    torch.testing.assert_close(mean([*losses]), loss.detach(), rtol=1e-5, atol=1e-6)
    for name, term in terms.items():
        torch.testing.assert_close(mean([each[name] for each in all_terms]), term)
    near([*gradients[0].values()], [p.grad for p in objective.parameters() if p.grad is not None])
    for other in gradients[1:]:
        torch.testing.assert_close(other, gradients[0], rtol=0, atol=0)


def test_pair_losses_of_processes_equal_one(
    pair_loss: tuple[str, Callable[..., tuple[Tensor, list[Tensor]]]], parts: Found
) -> None:
    name, compute = pair_loss
    losses, gradients = zip(*(part[name] for part in parts), strict=True)
    loss, expected = compute(name, slice(0, 8))
    torch.testing.assert_close(mean([*losses]), loss, rtol=1e-5, atol=1e-6)
    by_argument = list(zip(*gradients, strict=True))
    vectors = [torch.cat(found) / len(parts) for found in by_argument[:2]]
    near([*vectors, *(mean(list(found)) for found in by_argument[2:])], expected)


def test_a_locked_tower_keeps_every_bit_on_every_process(parts: Found) -> None:
    assert all(part["locked"] for part in parts)
