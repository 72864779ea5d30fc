"""A world of eight clips, and tiny model folders as a hub would give them."""

from pathlib import Path

import pytest
from transformers import AutoModel, BertConfig, BertTokenizerFast

from mmssl.data.synthetic.generate import World, synthesize

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.py"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "page" in metafunc.fixturenames:
        metafunc.parametrize("page", RECIPES, ids=lambda path: path.stem)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight clips of 3.5 s."""
    folder = tmp_path_factory.mktemp("world")
    synthesize(folder, 8, world=World(seconds=3.5, pixels=64), splits={"train": 1}, progress=False)
    return folder / "train"


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with a tiny BERT and its tokenizer of letters."""
    folder = tmp_path_factory.mktemp("bert")
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    AutoModel.from_config(BertConfig(vocab_size=len(vocabulary), **sizes)).save_pretrained(folder)
    return str(folder)


# What makes each recipe small; a new recipe without a row here trains at its own size.
SMALL: dict[str, dict[str, bool | int | float | str]] = {
    "ave_net": {"pixels": 32, "width": 4, "dim": 8},
    "avid_cma": {"small": True, "recordings": 64},
    "avol_net": {"pixels": 32, "small": True, "dim": 8},
    "avts": {"pixels": 32, "small": True, "cells": 12},
    "cdc": {"small": True, "clusters": 4, "dims": 4},
    "clip": {"frames": 2, "pixels": 32, "width": 16},
    "clip_frames": {"frames": 2},
    "coca": {"frames": 2, "pixels": 32, "dim": 32},
    "dense_av": {"small": True},
    "info_nce_audio_video": {"frames": 4, "pixels": 32, "width": 8},
    "info_nce_narrated": {"frames": 4, "pixels": 32, "width": 8},
    "info_nce_video_text_audio": {"frames": 8, "pixels": 32, "width": 8},
    "mdc": {"small": True, "clusters": 4, "dims": 4},
    "l3_net": {"pixels": 32, "width": 4, "hidden": 8},
    "lit": {"letters": "uu", "frames": 2},
    "max_margin": {"clips": 2, "frames": 4, "pixels": 32, "width": 8},
    "mil_nce": {"frames": 4, "pixels": 32, "width": 8},
    "mmp": {"text": "", "width": 8},
    "lit_clip": {"frames": 2, "width": 16, "pretrained": ""},
    "mmv": {"small": True},
    "multisensory": {"pixels": 32, "seconds": 3.0, "part": 1.5, "fps": 12.0, "small": True},
    "perfect_match": {"pixels": 32, "small": True},
    "quickstart": {"frames": 2, "pixels": 32},
    "sdc": {"small": True, "clusters": 4, "dims": 4},
    "siglip": {"frames": 2, "pixels": 32, "width": 16},
    "slavc": {"small": True},
    "support_set": {"frames": 4, "pixels": 32, "width": 8},
    "sync_net": {"pixels": 32, "small": True},
    "tcc": {"small": True, "frames": 24, "pixels": 32},
    "world": {"frames": 2, "pixels": 32, "width": 16},
    "xdc": {"small": True, "clusters": 4, "dims": 4},
}


@pytest.fixture
def small(page: Path, world: Path, request: pytest.FixtureRequest) -> dict[str, bool | int | float | str]:
    """Arguments with which a recipe takes a second."""
    arguments: dict[str, bool | int | float | str] = {"data": str(world), "steps": 2, "batch_size": 4}
    if page.stem == "info_nce_video_text_audio":
        arguments["text"] = request.getfixturevalue("bert")
    if page.stem in ("clip_frames", "lit_clip"):
        arguments["model"] = request.getfixturevalue("clip")
    return arguments | SMALL.get(page.stem, {})
