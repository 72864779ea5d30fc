"""The scripts by name, and folders of empty videos."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest

from mmssl.data.prepare import prepare
from mmssl.data.recordings import Recording
from mmssl.data.sources import open_recordings

FOLDER = Path(__file__).parents[2] / "datasets"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "script" in metafunc.fixturenames:
        scripts = sorted(FOLDER.glob("*/prepare.py"))
        metafunc.parametrize("script", scripts, ids=lambda path: path.parent.name)


Prepare = Callable[..., list[Recording]]


@pytest.fixture
def prepared(tmp_path: Path) -> Prepare:
    """Run a data set's script on annotations and names of videos, and open what it wrote."""

    def run(name: str, annotations: Path, videos: list[str], split: str = "", out: str = "m.jsonl") -> list[Recording]:
        for video in videos:
            path = tmp_path / "videos" / video
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        spec = importlib.util.spec_from_file_location(f"prepare_{name}", FOLDER / name / "prepare.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        words = ["--annotations", str(annotations), "--videos", str(tmp_path / "videos"), "--out", str(tmp_path / out)]
        words += ["--split", split] if split else []
        assert prepare(module.clips, module.__doc__, ("train", "test", "val", "validate", "esc10"), words) == 0
        found = open_recordings(str(tmp_path / out))
        return [found[number] for number in range(len(found))]

    return run


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str, str], Path]:
    """A small file."""

    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write
