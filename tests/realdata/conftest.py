"""A run of the quickstart recipe on a dozen real clips, and an index of them."""

import csv
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from mmssl.applications.model import Model, load
from mmssl.data.annotated import comma_separated
from mmssl.data.prepare import prepare
from mmssl.training.loop import train
from mmssl.training.recipe import Recipe

ROOT = Path(__file__).parents[2]
# Quick to decode, as many kinds of file as that allows; the last is too short for a clip of a second.
DOZEN = (
    "audioset/00W1lcxW-WU_000040",
    "ave/0lFf-HP86Q0",
    "avsync15/frog_croaking",
    "edge/realshort",
    "greatest_hits/2015-02-21-17-09-17",
    "grid/bbaf2n",
    "permissive/nasa_13013",
    "permissive/plane_landing",
    "ucf101/test_makeup",
    "vas/page_baby",
    "vas/page_drum",
    "vas/page_fireworks",
    "permissive/bento_dog",
)


@dataclass(frozen=True)
class Trained:
    """A run folder with its model and the manifest it was trained on."""

    folder: Path
    model: Model
    manifest: Path


@pytest.fixture(scope="session")
def all_clips(realdata: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of every real clip."""
    spec = spec_from_file_location("prepare_real_clips", ROOT / "datasets" / "real_clips" / "prepare.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    out = tmp_path_factory.mktemp("real") / "clips.csv"
    words = ["--annotations", str(realdata / "MANIFEST.csv"), "--videos", str(realdata / "av"), "--out", str(out)]
    assert prepare(module.clips, module.__doc__, words=words) == 0
    return out


@pytest.fixture(scope="session")
def trained(all_clips: Path) -> Trained:
    """On the middle second of each of the dozen, which is what evaluation looks at too."""
    with all_clips.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["key"] in DOZEN]
    manifest, folder = all_clips.with_name("dozen.csv"), all_clips.with_name("run")
    manifest.write_text(comma_separated(rows), encoding="utf-8")
    sizes = {"seconds": 1.0, "frames": 2, "pixels": 48, "windows": 1, "batch_size": 12, "steps": 60, "lr": 2e-3}
    recipe = Recipe(ROOT / "recipes" / "quickstart.py", {"data": str(manifest), **sizes})
    run = recipe.build()
    run.workers, run.skip_limit = 0, 0.1
    train(run, folder, device="cpu", recipe=recipe)
    return Trained(folder, load(folder, "cpu"), manifest)
