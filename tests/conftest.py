"""What all tests share."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mmssl.modules.tiles import Side

# One thread a test process: two processes of xdist on two cores otherwise fight over them, 5 times slower.
torch.set_num_threads(1)
# Model hubs are never reached from a test.
os.environ.setdefault("HF_HUB_OFFLINE", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """GPU tests skip, saying so, where there is none."""
    if not torch.cuda.is_available():
        for item in items:
            if "gpu" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="no CUDA device"))


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of real clips; the test skips where it is absent."""
    folder = Path(os.environ.get("MMSSL_REALDATA", Path(__file__).parents[2] / "shared" / "realdata"))
    if not (folder / "MANIFEST.csv").is_file():
        pytest.skip(f"no real clips at {folder} (set MMSSL_REALDATA)")
    return folder


@pytest.fixture
def scored() -> Callable[..., tuple[Side, Side]]:
    """From scores `[N, N, C]` the rows and columns of which those are the inner products."""

    def sides(
        scores: Tensor, row_valid: Tensor | None = None, valid: Tensor | None = None, groups: Tensor | None = None
    ) -> tuple[Side, Side]:
        clips, _, candidates = scores.shape
        keys = (torch.arange(clips) if groups is None else groups).unsqueeze(1)
        everything = torch.ones(clips, candidates, dtype=torch.bool)
        columns = torch.eye(clips * candidates, dtype=scores.dtype).reshape(clips, candidates, -1)
        rows = Side(
            (scores.new_empty(clips, 0), scores.flatten(1)), everything[:, 0] if row_valid is None else row_valid, keys
        )
        return rows, Side(
            (columns,), everything if valid is None else valid, keys.unsqueeze(1).expand(-1, candidates, 1)
        )

    return sides
