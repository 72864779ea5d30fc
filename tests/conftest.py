"""What all tests share."""

import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

if TYPE_CHECKING:
    from benchmarks.films import Film, Made

# One thread a test process: two processes of xdist on two cores otherwise fight over them, 5 times slower.
torch.set_num_threads(1)
# Model hubs are never reached from a test.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

FAULTS = Path(__file__).parent / "faults" / "list.toml"


def pytest_configure(config: pytest.Config) -> None:
    """The marker that ties a test to what can go wrong; `python -m benchmarks.faults` makes a table of them."""
    config.addinivalue_line("markers", "fault(*ids): holds the promise of these entries of tests/faults/list.toml")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """GPU tests skip, saying so, where there is none; the faults that a test is about go into its report."""
    known = tomllib.loads(FAULTS.read_text(encoding="utf-8"))
    for item in items:
        if "gpu" in item.keywords and not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))
        for fault in dict.fromkeys(fault for marker in item.iter_markers("fault") for fault in marker.args):
            if fault not in known:
                raise pytest.UsageError(f"{item.nodeid}: no fault {fault!r} in {FAULTS}; add what must happen there")
            item.user_properties.append(("fault", fault))


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What tests read leaves nothing in the user's cache."""
    os.environ["MMSSL_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> "Callable[[Film], Made]":
    """`made(film)` writes a flash-and-beep film once a session."""
    from benchmarks.films import make

    folder, films = tmp_path_factory.mktemp("films"), dict["Film", "Made"]()

    def find(film: "Film") -> "Made":
        if film not in films:
            films[film] = make(film, folder / f"{len(films)}.{film.container}")
        return films[film]

    return find


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of real clips; the test skips where it is absent."""
    folder = Path(os.environ.get("MMSSL_REALDATA", Path(__file__).parents[2] / "shared" / "realdata"))
    if not (folder / "MANIFEST.csv").is_file():
        pytest.skip(f"no real clips at {folder} (set MMSSL_REALDATA)")
    return folder
