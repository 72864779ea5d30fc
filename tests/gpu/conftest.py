"""A world of eight clips."""

from pathlib import Path

import pytest

from mmssl.data.synthetic.generate import World, synthesize


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    synthesize(folder, 8, world=World(seconds=2.5, pixels=64), splits={"train": 1}, progress=False)
    return folder / "train"
