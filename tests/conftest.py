"""What all tests share."""

import os
import tempfile
from pathlib import Path

import pytest
import torch

# One thread a test process: two processes of xdist on two cores otherwise fight over them, 5 times slower.
torch.set_num_threads(1)
# Model hubs are never reached from a test.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# Nor is what is cached of a user's own files.
os.environ["MMSSL_CACHE"] = tempfile.mkdtemp(prefix="mmssl-tests-")


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
