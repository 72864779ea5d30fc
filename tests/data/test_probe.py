import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from typer.testing import CliRunner

from mmssl.cli.app import app
from mmssl.data.probe import probe, probe_folder
from mmssl.errors import Fault, UsageError


def write(path: Path, steps: tuple[int, ...] = (40,), audio_at: float = 0.0, level: float = 0.5) -> Path:
    """A film of about 3 s with `steps` milliseconds between its pictures."""
    with av.open(str(path), "w", options={"movflags": "faststart"} if path.suffix == ".mp4" else {}) as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        video.options = {"preset": "ultrafast", "g": "10"}
        video.codec_context.time_base = Fraction(1, 1000)
        audio = container.add_stream("mp3", rate=16_000, layout="mono")
        packets, now = [], 0
        noise = np.random.default_rng(0)
        for index in range(75):
            gray = noise.integers(0, 255, (48, 64), np.uint8)
            frame = av.VideoFrame.from_ndarray(gray, format="gray").reformat(format="yuv420p")
            frame.pts, frame.time_base = now, Fraction(1, 1000)
            packets += video.encode(frame)
            now += steps[index % len(steps)]
        wave = (level * np.sin(np.arange(48_000) / 5))[None].astype(np.float32)
        sound = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
        sound.sample_rate, sound.time_base, sound.pts = 16_000, Fraction(1, 16_000), round(audio_at * 16_000)
        packets += [*video.encode(None), *audio.encode(sound), *audio.encode(None)]
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            container.mux(packet)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("probe")
    write(folder / "even.mp4")
    (folder / "even.de.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nEin Ball\n")
    (folder / "even.en.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nA ball\n")
    write(folder / "uneven.mkv", (20, 60), audio_at=0.5, level=0.0)
    content = (folder / "even.mp4").read_bytes()
    (folder / "inner").mkdir()
    (folder / "inner" / "cut.mp4").write_bytes(content[: int(len(content) * 0.6)])
    (folder / "inner" / "page.mp4").write_text("<html>Not found</html>")
    return folder


def test_what_is_in_a_file(folder: Path) -> None:
    found = probe(folder / "even.mp4")
    assert found.info is not None
    assert found.info.video is not None
    assert not found.info.video.variable
    assert found.info.video.fps == pytest.approx(25, abs=0.01)
    assert found.streams == ("0 video h264 und", "1 audio mp3 und")
    assert (found.captions, found.languages) == (2, ("de", "en"))
    assert found.peak == pytest.approx(0.5, abs=0.05)
    assert found.broken == ()
    assert not found.silent


def test_a_variable_rate_a_late_start_and_silence_are_told(folder: Path) -> None:
    found = probe(folder / "uneven.mkv", deep=True)
    assert found.info is not None
    assert found.info.video is not None
    assert found.info.video.variable
    assert found.fastest == pytest.approx(50, abs=3)
    assert found.slowest == pytest.approx(1 / 0.06, abs=1)
    assert found.offset == pytest.approx(0.5, abs=0.08)  # the priming of MP3 stays in the file
    assert found.silent
    assert found.broken == ()


@pytest.mark.parametrize("deep", [False, True])
def test_what_is_broken_is_named(folder: Path, deep: bool) -> None:
    assert Fault.TRUNCATED in {fault for fault, _ in probe(folder / "inner" / "cut.mp4", deep=deep).broken}
    page = probe(folder / "inner" / "page.mp4", deep=deep)
    assert page.info is None
    assert [fault for fault, _ in page.broken] == [Fault.UNRECOGNIZED]


def test_a_folder_in_order_of_names(folder: Path) -> None:
    names = [Path(found.path).name for found in probe_folder(folder, workers=1)]
    assert names == ["even.mp4", "cut.mp4", "page.mp4", "uneven.mkv"]
    with pytest.raises(UsageError, match="no media file"):
        next(probe_folder(folder / "inner" / "page.mp4"))


def test_the_command_on_a_file(folder: Path) -> None:
    whole = CliRunner().invoke(app, ["probe", str(folder / "even.mp4")])
    assert whole.exit_code == 0
    for words in ("h264 64x48 25.00 fps constant", "mp3 16000 Hz mono", "2 (de, en)", "nothing found"):
        assert words in whole.stdout
    broken = CliRunner().invoke(app, ["probe", str(folder / "inner" / "page.mp4"), "--json"])
    assert broken.exit_code == 3
    assert json.loads(broken.stdout)["broken"][0]["fault"] == "unrecognized"


def test_what_is_no_film_is_sent_on(tmp_path: Path) -> None:
    for name in ("a.tar", "a.csv"):
        (tmp_path / name).touch()
        told = CliRunner().invoke(app, ["probe", str(tmp_path / name)])
        assert told.exit_code == 2
        assert f"mmssl pack {tmp_path / name} --out NEW" in told.stderr
    assert "what is broken in shards" in CliRunner().invoke(app, ["probe", str(tmp_path)]).stderr


def test_the_command_on_a_folder(folder: Path) -> None:
    table = CliRunner().invoke(app, ["probe", str(folder)], env={"COLUMNS": "160"})
    assert table.exit_code == 0
    assert "4 files, 2 broken" in table.stdout
    assert "(truncated)" in table.stdout
    report = json.loads(CliRunner().invoke(app, ["probe", str(folder), "--json"]).stdout)
    assert [len(found["broken"]) > 0 for found in report] == [False, True, True, False]
