"""One folder of sound and broken recordings through probe, training, evaluation and search: all tell the same."""

import itertools
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from benchmarks.films import Film, Made
from mmssl.applications.indexing import build_index
from mmssl.applications.model import Model
from mmssl.applications.search import open_index
from mmssl.batch import Batch
from mmssl.data.clips import Clips
from mmssl.data.decode.pyav import PyAVReader
from mmssl.data.loader import evaluation_batches, training_batches
from mmssl.data.probe import probe_folder
from mmssl.data.skipped import Skipped
from mmssl.encoders.audio_resnet import AudioResNet
from mmssl.encoders.image_small import ImageSmall
from mmssl.errors import Fault
from mmssl.evaluate.retrieval import Retrieval
from mmssl.modules.front_ends import log_mel
from mmssl.modules.resnet import group_norm
from mmssl.objectives.contrastive.info_nce import InfoNCE
from mmssl.run import Run

GOOD = {"a.mp4": Film(), "b.mkv": Film(container="mkv", audio="flac"), "c.ts": Film(container="ts", audio="mp3")}
BROKEN = {
    "byte.mp4": Fault.UNRECOGNIZED,
    "codec.mov": Fault.UNSUPPORTED,
    "cut.mp4": Fault.TRUNCATED,
    "dangling.mp4": Fault.MISSING,
    "empty.mkv": Fault.EMPTY,
    "html.webm": Fault.UNRECOGNIZED,
    "noise.mp4": Fault.UNRECOGNIZED,
    "no index.mp4": Fault.TRUNCATED,
    "pipe.mp4": Fault.NOT_REGULAR,
    "zeroed.mp4": Fault.CORRUPT,
}
LACKING = {"cover.mp4": Fault.NO_VIDEO, "silent.mp4": Fault.NO_AUDIO}  # whole, but with one modality alone

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, made: Callable[[Film], Made]) -> Path:
    folder = tmp_path_factory.mktemp("layers")
    for name, film in GOOD.items():
        shutil.copy(made(film).path, folder / name)
    content = made(Film(muxer=(("movflags", "faststart"),))).path.read_bytes()
    (folder / "byte.mp4").write_bytes(b"\0")
    (folder / "empty.mkv").write_bytes(b"")
    (folder / "html.webm").write_text("<!DOCTYPE html><title>404</title>" * 40)
    (folder / "noise.mp4").write_bytes(np.random.default_rng(0).bytes(30_000))
    (folder / "cut.mp4").write_bytes(content[: len(content) * 4 // 10])
    whole = made(Film()).path.read_bytes()
    (folder / "no index.mp4").write_bytes(whole[: len(whole) // 2])
    (folder / "dangling.mp4").symlink_to(folder / "nowhere")
    os.mkfifo(folder / "pipe.mp4")
    middle = bytearray(content)
    zeros = slice(len(content) * 4 // 10, len(content) * 97 // 100)
    middle[zeros] = bytes(zeros.stop - zeros.start)
    (folder / "zeroed.mp4").write_bytes(middle)
    with av.open(str(folder / "codec.mov"), "w") as container:
        stream = container.add_stream("rawvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv422p"
        container.mux(stream.encode(av.VideoFrame(64, 48, "yuv422p")))
    with av.open(str(made(Film()).path)) as film, av.open(str(folder / "silent.mp4"), "w") as silent:
        stream = silent.add_stream_from_template(film.streams.video[0])
        for packet in film.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                silent.mux(packet)
    with av.open(str(folder / "cover.mp4"), "w") as container:
        cover = container.add_stream("mjpeg", rate=1)
        cover.width = cover.height = 16
        cover.pix_fmt = "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        sound = container.add_stream("aac", rate=16_000, layout="mono")
        container.mux(cover.encode(av.VideoFrame(16, 16, "yuvj420p")) + cover.encode(None))
        frame = av.AudioFrame.from_ndarray(np.full((1, 80_000), 0.1, np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 16_000, 0, Fraction(1, 16_000)
        container.mux(sound.encode(frame) + sound.encode(None))
    return folder


@pytest.fixture(scope="module")
def objective() -> InfoNCE:
    torch.manual_seed(0)
    audio = AudioResNet(log_mel(), width=8, depths=(1, 1, 1), strides=(1, 2, 2), norm=group_norm)
    return InfoNCE(video=ImageSmall(), audio=audio, dim=16).eval()


@pytest.fixture(params=[True, pytest.param(False, marks=pytest.mark.slow)], ids=["tables", "container"])
def clips(folder: Path, request: pytest.FixtureRequest) -> Clips:
    reader = PyAVReader(tables=request.param)
    return Clips(source=str(folder), seconds=1.0, frames=2, pixels=32, reader=reader)


def by_name(reasons: dict[str, tuple[Fault, str]]) -> dict[str, Fault]:
    return {Path(name).name: fault for name, (fault, _) in reasons.items()}


EVERY = ("M1", "M3", "M4", "M5", "M7", "M8", "M10", "M12", "M13", "M23")


@pytest.mark.fault(*EVERY)
def test_probe_names_each(folder: Path) -> None:
    found = {Path(probe.path).name: {fault for fault, _ in probe.broken} for probe in probe_folder(folder)}
    assert found.keys() == GOOD.keys() | BROKEN.keys() | LACKING.keys()
    for name, faults in found.items():
        assert BROKEN[name] in faults if name in BROKEN else not faults, name


@pytest.mark.fault(*EVERY)
def test_training_puts_the_same_others_in_their_place(clips: Clips, tmp_path: Path) -> None:
    batches: list[list[Batch]] = []
    for workers in (0, 2):
        skipped = Skipped(tmp_path / str(workers), limit=1.0)
        (tmp_path / str(workers)).mkdir()
        taken = training_batches(clips.open(), batch_size=4, seed=3, workers=workers, skipped=skipped)
        batches.append(list(itertools.islice(taken, 12)))
        assert by_name(skipped.reasons) == BROKEN | LACKING
        assert skipped.clips == 48 + skipped.failures
        assert len((tmp_path / str(workers) / "skipped.jsonl").read_text().splitlines()) == len(BROKEN | LACKING)
    for one, other in zip(*batches, strict=True):
        assert len(one) == 4
        assert set(one.keys) <= {Path(name).stem for name in GOOD}
        assert all(torch.equal(a, b) for (_, a), (_, b) in zip(one.tensors(), other.tensors(), strict=True))


@pytest.mark.fault(*EVERY)
def test_evaluation_leaves_them_out_of_questions_and_answers(clips: Clips, objective: InfoNCE) -> None:
    skipped = Skipped(limit=1.0)
    (batch,) = evaluation_batches(clips.open(), 32, skipped=skipped)
    assert sorted(batch.keys) == sorted(Path(name).stem for name in GOOD)
    assert by_name(skipped.reasons) == BROKEN | LACKING
    numbers = Retrieval(clips=clips)(objective)
    assert numbers["retrieval/video-audio/gallery"] == numbers["retrieval/audio-video/gallery"] == len(GOOD)
    # Those that lack one modality are looked at for the others, and on neither side of a pair.
    assert numbers["retrieval/left-out"] == len(BROKEN)


@pytest.mark.fault("M12")
def test_a_lacking_modality_is_masked_never_zeros(clips: Clips, objective: InfoNCE) -> None:
    some = replace(clips, require=())
    (batch,) = evaluation_batches(some.open(), 32, skipped=(skipped := Skipped(limit=1.0)))
    assert by_name(skipped.reasons) == BROKEN
    names = dict(zip(batch.keys, range(len(batch)), strict=True))
    assert [key for key, row in names.items() if not batch.audio_valid[row]] == ["silent"]
    assert [key for key, row in names.items() if not batch.video_valid[row]] == ["cover"]
    loss, _ = objective(batch)
    batch.audio[names["silent"]] = torch.randn_like(batch.audio[0])
    batch.video[names["cover"]] = 255 - batch.video[0]
    assert torch.equal(objective(batch)[0], loss)
    numbers = Retrieval(clips=some)(objective)
    assert numbers["retrieval/video-audio/gallery"] == numbers["retrieval/audio-video/gallery"] == len(GOOD)


@pytest.mark.fault(*EVERY)
def test_an_index_holds_the_rest_and_says_what_is_missing(
    clips: Clips, objective: InfoNCE, folder: Path, tmp_path: Path
) -> None:
    model = Model(Run(data=clips, objective=objective, steps=1, batch_size=2), torch.device("cpu"))
    report = build_index(model, str(folder), str(tmp_path / "index"))
    assert report.recordings == len(GOOD | LACKING)
    assert report.skipped[0] == f"{len(BROKEN)} recordings could not be read"
    assert sum(int(line.split()[0]) for line in report.skipped[1:]) == len(BROKEN)
    hits = open_index(str(tmp_path / "index")).search(torch.ones(16), 1000, ["video", "audio"])
    assert {Path(hit.recording.name).name for hit in hits} == GOOD.keys() | LACKING.keys()
