"""`mmssl index` and `mmssl search` from words typed to lines printed, with a real tiny run."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from typer.testing import CliRunner, Result

from mmssl.cli.app import app
from mmssl.data.synthetic.film import write
from mmssl.training.loop import train
from mmssl.training.recipe import Recipe

PAGE = '''
"""A tiny model of picture, sound and words."""

from mmssl.data.clips import Clips
from mmssl.data.hashing import HashTokenizer
from mmssl.encoders.audio_resnet import AudioResNet
from mmssl.encoders.image_small import ImageSmall
from mmssl.encoders.text_words import TextMean
from mmssl.modules.front_ends import log_mel
from mmssl.modules.resnet import group_norm
from mmssl.objectives.contrastive.info_nce import InfoNCE
from mmssl.run import Run


def recipe(data: str, seed: int = 0) -> Run:
    """The experiment.

    Args:
        data: to train on.
        seed: of all.
    """
    words = HashTokenizer(64)
    audio = AudioResNet(log_mel(), width=8, depths=(1, 1, 1), strides=(1, 2, 2), norm=group_norm)
    objective = InfoNCE(video=ImageSmall(), audio=audio, text=TextMean(64, 16), dim=16)
    clips = Clips(source=data, seconds=1.0, frames=2, pixels=32, words=4, tokenizer=words)
    return Run(data=clips, objective=objective, steps=1, batch_size=2, seed=seed, workers=0)
'''
# Kills itself, as a power cut would, once half of the recordings are in.
KILLED = """
import os, signal, sys
from contextlib import contextmanager
import mmssl.cli.progress

@contextmanager
def bar(name):
    yield lambda share: share > 0.5 and os.kill(os.getpid(), signal.SIGKILL)

mmssl.cli.progress.bar = bar
from mmssl.cli.app import main
main()
"""


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    for number in range(6):
        frames = np.full((20, 32, 48, 3), 40, np.uint8)
        frames[:, 8:24, 6 * number : 6 * number + 12] = (250 - 40 * number, 40 * number, 90)
        tone = 0.3 * np.sin(2 * np.pi * (200 + 150 * number) * np.arange(32_000) / 16_000)
        write(folder / f"clip{number}.mp4", frames, tone.astype(np.float32), 10, 16_000)
        (folder / f"clip{number}.txt").write_text(f"Form [bold] Nummer {number}: круг 圆")
    return folder


@pytest.fixture(scope="module")
def run(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    page = tmp_path_factory.mktemp("page") / "tiny.py"
    page.write_text(PAGE)
    made_by = Recipe(page, {"data": str(films)})
    torch.manual_seed(0)
    train(made_by.build(), page.parent / "run", device="cpu", recipe=made_by)
    return page.parent / "run"


@pytest.fixture(scope="module")
def index(run: Path, films: Path) -> Path:
    place = run.parent / "index"
    done = mmssl("index", run, films, "--out", place, "--device", "cpu")
    assert done.exit_code == 0, done.output
    assert "18 moments of 6 recordings" in done.stdout
    assert "recall 1.0 in every direction" in done.stdout
    return place


def mmssl(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def found(*words: object) -> list[dict[str, object]]:
    done = mmssl("search", *words, "--json", "--device", "cpu")
    assert done.exit_code == 0, done.output
    return list(json.loads(done.stdout))


def test_nothing_to_search_is_no_success(run: Path, tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "noise.mp4").write_bytes(bytes(range(256)) * 8)
    done = mmssl("index", run, tmp_path / "broken", "--out", tmp_path / "index", "--device", "cpu")
    assert done.exit_code == 1
    assert "nothing to search, 1 recordings could not be read" in done.stderr


def test_a_second_time_only_what_is_new(run: Path, films: Path, index: Path, tmp_path: Path) -> None:
    more = Path(shutil.copytree(films, tmp_path / "more"))
    place = Path(shutil.copytree(index, tmp_path / "index"))
    assert "0 added, 6 were in already" in mmssl("index", run, films, "--out", place).stdout
    (more / "bad.mp4").write_bytes(b"bad")
    done = mmssl("index", run, more, "--out", place)
    assert "6 added, 0 were in already" in done.stdout
    assert "1 recordings could not be read" in done.stdout
    assert str(place / "skipped.jsonl") in done.stdout
    (more / "clip0.mp4").unlink()
    assert "5 were in already, 1 removed" in mmssl("index", run, more, "--out", place, "--prune").stdout


def test_every_kind_of_question(index: Path, films: Path, tmp_path: Path) -> None:
    best = found(index, "--video", films / "clip3.mp4", "--in", "video", "-k", 1)[0]
    assert best["file"] == str(films / "clip3.mp4")
    assert best["score"] == pytest.approx(1, abs=0.05)
    best = found(index, "--audio", films / "clip4.mp4", "--in", "audio", "-k", 1)[0]
    assert best["file"] == str(films / "clip4.mp4")
    assert best["caption"] == "Form [bold] Nummer 4: круг 圆"
    Image.new("RGB", (64, 48), (250, 0, 90)).save(tmp_path / "picture.png")
    assert [row["rank"] for row in found(index, "--image", tmp_path / "picture.png", "-k", 3)] == [1, 2, 3]
    assert len(found(index, "круг " * 2_000, "-k", 6)) == 6  # no name of a file is as long
    rows = found(index, "圆 круг", "-k", 6)
    assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), reverse=True)  # type: ignore[type-var]
    assert {"start", "end", "label"} < set(rows[0])


def test_table_note_and_sheet(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    sheet = tmp_path / "answers.png"
    done = mmssl("search", index, "Form", "-k", 500, "--sheet", sheet)
    assert done.exit_code == 0, done.output
    assert "Form [bold] Nummer 2: круг 圆" in done.stdout
    assert "moments of the 18 moments" in done.stderr
    assert "not 500" in done.stderr
    assert Image.open(sheet).width > 500


@pytest.mark.fault("R17")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "give one question: words, --audio, --video or --image; none was given"),
        (["ball", "--audio", "x.wav"], "several were given"),
        (["  "], "empty"),
        (["ball", "--in", "vidoe"], "did you mean video?"),
        (["ball", "--sheet", "a.txt"], "must end in .png"),
        (["ball", "-k", "0"], "greater than or equal to 1"),
        (["ball", "-k", "-3"], "greater than or equal to 1"),
    ],
)
def test_wrong_questions_are_told_at_once(words: list[str], message: str) -> None:
    done = mmssl("search", "nowhere", *words)
    assert done.exit_code == 2
    assert message in done.stderr


def test_several_indexes_answer_as_one(run: Path, films: Path, index: Path, tmp_path: Path) -> None:
    """One a year: the answers of the index that holds both years, whichever way they are named."""
    years = [tmp_path / "2023", tmp_path / "2024"]
    for number, year in enumerate(years):
        (tmp_path / f"films{number}").mkdir()
        for clip in range(3 * number, 3 * number + 3):
            for suffix in ("mp4", "txt"):
                shutil.copy(films / f"clip{clip}.{suffix}", tmp_path / f"films{number}")
        done = mmssl("index", run, tmp_path / f"films{number}", "--out", year, "--device", "cpu")
        assert done.exit_code == 0, done.output

    def named(rows: list[dict[str, object]]) -> list[tuple[str, object]]:
        return [(Path(str(row["file"])).name, row["start"]) for row in rows]

    for question in (("圆 круг",), ("--audio", films / "clip4.mp4")):
        wanted = named(found(index, *question, "-k", 6))
        assert named(found(*years, *question, "-k", 6)) == wanted
        assert named(found(*years, years[0], *question, "-k", 6)) == wanted  # twice the same is once
        assert named(found(tmp_path, *question, "-k", 6)) == wanted
    assert len(found(*years, index, "Nummer", "-k", 100)) == 2 * len(found(index, "Nummer", "-k", 100))


@pytest.mark.fault("R17")
def test_several_indexes_wrongly_named(run: Path, films: Path, index: Path, tmp_path: Path) -> None:
    for words, message in (
        ((index, index), f"{index} is an index; write the words to search for behind"),
        ((index, tmp_path, "ball"), f"{tmp_path}: no index there"),
        ((index, "ball", "red", "--image", "a.png"), "red: is no index"),
        ((index, "http://127.0.0.1:9/films", "ball"), "http://127.0.0.1:9/films: a collection of a server is searched"),
        (("--image", "a.png"), "name the folder of an index first"),
    ):
        done = mmssl("search", *words)
        assert done.exit_code == 2
        assert message in done.stderr


@pytest.mark.fault("R17")
def test_what_is_missing_is_named(index: Path, films: Path, tmp_path: Path) -> None:
    assert "make one with: mmssl index" in mmssl("search", tmp_path, "ball").stderr
    done = mmssl("search", index, "--audio", tmp_path / "gone.wav")
    assert done.exit_code == 3
    assert "gone.wav" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.fault("R16")
def test_another_run_is_refused(run: Path, films: Path, index: Path, tmp_path: Path) -> None:
    torch.manual_seed(1)
    made_by = Recipe(run.parent / "tiny.py", {"data": str(films), "seed": 1})
    train(made_by.build(), tmp_path / "other", device="cpu", recipe=made_by)
    for done in (
        mmssl("index", tmp_path / "other", films, "--out", index),
        mmssl("search", index, "ball", "--run", tmp_path / "other"),
    ):
        assert done.exit_code == 2
        assert f"made by another model ({run})" in done.stderr
    assert mmssl("index", tmp_path / "other", films, "--out", tmp_path / "of other").exit_code == 0
    done = mmssl("search", index, tmp_path / "of other", "ball")
    assert done.exit_code == 2
    assert f"{index} (of {run}) and {tmp_path / 'of other'} (of {tmp_path / 'other'}): made by" in done.stderr


def rows(place: Path) -> dict[tuple[str, float, float, str], list[torch.Tensor]]:
    """Everything that an index holds, whatever the order in which it came."""
    with sqlite3.connect(place / "moments.sqlite") as connection:
        found = connection.execute(
            "SELECT segment, row, key, start, end, recordings.caption FROM moments "
            "JOIN recordings ON recordings.id = moments.recording"
        ).fetchall()
    vectors = {s: load_file(place / f"segment-{s:06d}.safetensors") for s in {row[0] for row in found}}
    return {
        tuple(rest): [vectors[s][m][row] for m in ("video", "audio", "text")]  # type: ignore[misc]
        for s, row, *rest in found
    }


@pytest.mark.fault("R2", "R16")
def test_killed_half_way_and_called_again(run: Path, films: Path, index: Path, tmp_path: Path) -> None:
    place = tmp_path / "index"
    words = ["index", str(run), str(films), "--out", str(place), "--save-every", "0", "--device", "cpu"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    killed = subprocess.run([sys.executable, "-c", KILLED, *words], env=environment, timeout=120, check=False)
    assert killed.returncode == -signal.SIGKILL
    done = mmssl(*words)
    assert done.exit_code == 0, done.output
    assert "6 added" not in done.stdout
    assert "0 were in already" not in done.stdout
    got, wanted = rows(place), rows(index)
    assert got.keys() == wanted.keys()
    for name, vectors in wanted.items():
        torch.testing.assert_close(got[name], vectors, atol=1e-5, rtol=1e-4)
