"""Two processes of B clips step like one of 2B: loss, terms and gradient of every objective, by one pair of them."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mmssl.objective import Objective


@pytest.fixture(scope="session")
def halves(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each process found."""
    folder, script = tmp_path_factory.mktemp("world"), Path(__file__).with_name("one_of_two.py")
    processes = [
        subprocess.Popen(
            [sys.executable, str(script), str(rank), str(folder)], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        for rank in range(2)
    ]
    try:
        messages = [process.communicate(timeout=120)[1].decode() for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], "\n".join(messages)
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


@pytest.mark.parametrize("kind", ["sample", "with_holes", "one_sided"])
def test_two_processes_equal_one(
    found: type[Objective],
    kind: str,
    halves: list[dict[str, Any]],
    build: Callable[..., Objective],
    request: pytest.FixtureRequest,
) -> None:
    objective, batch = build(found), request.getfixturevalue(kind)(8)
    loss, terms = objective(batch)
    loss.backward()
    (loss0, terms0, gradients0), (loss1, terms1, gradients1) = (half[f"{found.__name__} {kind}"] for half in halves)
    torch.testing.assert_close((loss0 + loss1) / 2, loss.detach())
    for name, term in terms.items():
        torch.testing.assert_close((terms0[name] + terms1[name]) / 2, term)
    for name, parameter in objective.named_parameters():
        torch.testing.assert_close(gradients0[name], parameter.grad, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(gradients0[name], gradients1[name], rtol=0, atol=0, msg=f"{name} differs by process")
