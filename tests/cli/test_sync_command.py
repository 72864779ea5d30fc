"""`mmssl sync` from words typed to lines printed, with a real run folder."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from typer.testing import CliRunner, Result

from benchmarks.flicker import flicker
from mmssl.cli.app import app
from mmssl.data.pack import pack
from mmssl.training.loop import train
from mmssl.training.recipe import Recipe

PAGE = '''
"""What reads brightness and loudness; there is nothing to learn but a number that is not used."""

import torch

from benchmarks.flicker import Brightness, Loudness
from mmssl.data.clips import Clips
from mmssl.objectives.synchrony.sync_net import SyncNet
from mmssl.run import Run


class Learns(Brightness):
    def __init__(self):
        super().__init__()
        self.factor = torch.nn.Parameter(torch.ones(()))

    def forward(self, inputs):
        return super().forward(inputs) * (self.factor - self.factor.detach() + 1)


def recipe(data: str, seed: int = 0) -> Run:
    """The experiment.

    Args:
        data: where to learn from.
        seed: of everything.
    """
    clips = Clips(source=data, seconds=2.0, frames=50, pixels=16, captions=0, synchronous=True)
    return Run(data=clips, objective=SyncNet(video=Learns(), audio=Loudness()), steps=1, batch_size=2, workers=0)
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`run`, `late.mp4` (0.2 s late), `early.mp4` and `two.mp4`, whose sound is of another film."""
    made = tmp_path_factory.mktemp("sync")
    (made / "films").mkdir()
    for number in range(2):
        flicker(made / "films" / f"{number}.mp4", 3.0, 0.0, number)
    (made / "page.py").write_text(PAGE)
    torch.manual_seed(0)
    recipe = Recipe(made / "page.py", {"data": str(made / "films")})
    train(recipe.build(), made / "run", device="cpu", recipe=recipe)
    flicker(made / "late.mp4", 4.0, 0.2)
    flicker(made / "early.mp4", 4.0, -0.12)
    flicker(made / "two.mp4", 4.0, alike=False)
    return made


def mmssl(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["sync", *map(str, words)])


def test_tells_and_keeps(folder: Path) -> None:
    told = mmssl(folder / "run", folder / "late.mp4", "--track", folder / "new" / "t.json", "--plot", folder / "p.png")
    assert told.exit_code == 0, told.output
    assert "late.mp4: +200 ms, +5.0 pictures: the sound is late" in told.output
    assert json.loads((folder / "new" / "t.json").read_text())["offset"] == pytest.approx(0.2, abs=0.003)
    assert (folder / "p.png").is_file()


def test_mends(folder: Path) -> None:
    told = mmssl(folder / "run", folder / "early.mp4", "--fix", folder / "mended.mkv")
    assert told.exit_code == 0, told.output
    assert "pictures as they were, sound as it was" in told.output
    assert "mended.mkv: +0 ms are left" in told.output


def test_does_not_mend_what_is_not_certain(folder: Path) -> None:
    told = mmssl(folder / "run", folder / "two.mp4", "--fix", folder / "no.mp4")
    assert told.exit_code == 7
    assert "no offset can be told" in told.output
    assert not (folder / "no.mp4").exists()


def test_what_cannot_be_written_is_told_before_the_listening(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmssl.applications.model.load", lambda *_: pytest.fail("began to listen"))
    (folder / "file").write_text("")
    for words, message in (
        (("--fix", folder / "m.avi"), "films are written as"),
        (("--fix", folder / "late.mp4"), "the film itself"),
        (("--plot", folder / "p.txt"), "must end in .png"),
        (("--track", folder / "file" / "t.json"), "a file stands where a folder is needed"),
        (("--track", folder), "give the name of a file"),
    ):
        told = mmssl(folder / "run", folder / "late.mp4", *words)
        assert told.exit_code in (1, 2), told.output
        assert message in told.stderr


def test_several_films_make_a_table(folder: Path) -> None:
    soundfile.write(folder / "only.wav", np.zeros(32_000), 16_000)
    films = [folder / name for name in ("late.mp4", "two.mp4", "only.wav", "early.mp4")]
    told = mmssl(folder / "run", *films, "--out", folder / "new" / "offsets.csv")
    assert told.exit_code == 0, told.output
    lines = told.output.splitlines()
    assert lines[0].split() == ["offset", "frames", "certainty", "film"]
    assert [line.split()[0] for line in lines[1:5]] == ["+200", "unknown", "-", "-120"]
    assert "no picture" in lines[3]
    assert lines[5].startswith("4 films: 1 late, 1 unknown, 1 unreadable, 1 early")
    with (folder / "new" / "offsets.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["verdict"] for row in rows] == ["late", "unknown", "unreadable", "early"]
    assert [row["offset"] for row in rows[1:3]] == ["", ""], "an offset that is not certain is not told"
    assert float(rows[3]["offset"]) == pytest.approx(-0.12, abs=0.003)
    assert rows[2]["fault"] == "no video"
    refused = mmssl(folder / "run", *films, "--track", folder / "t.json")
    assert refused.exit_code == 2
    assert "give one film" in refused.output


def test_an_archive_may_be_a_folder_a_manifest_or_shards(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    for name, late in (("a", 0.2), ("b", 0.0)):
        flicker(tmp_path / "films" / f"{name}.mp4", 6.0, late)
    pack(str(tmp_path / "films"), tmp_path / "shards")
    (tmp_path / "cut.csv").write_text("path,start,end\nfilms/a.mp4,1.5,4.5\nfilms/b.mp4,0,0.4\n")
    for data, words in (
        ("films", ["late", "in synchrony"]),
        ("films/*.mp4", ["late", "in synchrony"]),
        ("shards", ["late", "in synchrony"]),
        ("cut.csv", ["late", "unreadable"]),
    ):
        told = mmssl(folder / "run", tmp_path / data, "--out", tmp_path / "offsets.json")
        assert told.exit_code == 0, told.output
        rows = json.loads((tmp_path / "offsets.json").read_text())
        assert [row["verdict"] for row in rows] == words, data
        assert [Path(row["film"]).name for row in rows] == ["a.mp4", "b.mp4"]
    assert "0.40 s have picture and sound" in rows[1]["detail"]
    alone = mmssl(folder / "run", tmp_path / "films" / "a.mp4", "--out", tmp_path / "offsets.json")
    assert alone.exit_code == 2
    assert "--track writes the offsets of one" in alone.output
    missing = mmssl(folder / "run", tmp_path / "films" / "c.mp4", "--fix", tmp_path / "m.mp4")
    assert missing.exit_code == 3, "a missing film is one film"
