"""What all tests share."""

import json
import os
import tempfile
import tomllib
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor

from mmssl.modules.tiles import Side

if TYPE_CHECKING:
    from benchmarks.films import Film, Made

# One thread a test process: two processes of xdist on two cores otherwise fight over them, 5 times slower.
torch.set_num_threads(1)
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # of numpy in the processes that tests start
# Model hubs are never reached from a test.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# Nor is what is cached of a user's own files.
_CACHE = tempfile.TemporaryDirectory(prefix="mmssl-tests-")
os.environ["MMSSL_CACHE"] = _CACHE.name

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


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """Printed names that are not UTF-8 leave a process of pytest-xdist as escapes; as they are they would end it."""
    return _escaped((yield))


def _escaped(told: Any) -> Any:
    if isinstance(told, str):
        return told.encode("utf-8", "backslashreplace").decode()
    if isinstance(told, dict):
        return {key: _escaped(value) for key, value in told.items()}
    return type(told)(map(_escaped, told)) if isinstance(told, list | tuple) else told


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


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with a tiny CLIP that reads the words of all CLIPs."""
    from open_clip.factory import create_model
    from safetensors.torch import save_model

    folder = tmp_path_factory.mktemp("clip")
    vision = {"image_size": 32, "layers": 1, "width": 16, "head_width": 8, "patch_size": 16}
    text = {"context_length": 77, "vocab_size": 49408, "width": 8, "heads": 2, "layers": 1}
    settings = {
        "model_cfg": {"embed_dim": 8, "vision_cfg": vision, "text_cfg": text},
        "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]},
    }
    (folder / "open_clip_config.json").write_text(json.dumps(settings), encoding="utf-8")
    torch.manual_seed(0)
    save_model(create_model(f"local-dir:{folder}", load_weights=False), str(folder / "open_clip_model.safetensors"))
    return str(folder)
