"""Every way by which a recording comes into mmssl: probe, windows of the reader, clips of the loader, questions."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path

import torch

from mmssl.applications.model import Model
from mmssl.data.clips import Clips
from mmssl.data.decode.pyav import PyAVReader
from mmssl.data.probe import probe
from mmssl.data.window import EvenWindows
from mmssl.encoders.audio_resnet import AudioResNet
from mmssl.encoders.image_small import ImageSmall
from mmssl.errors import MediaError, MmsslError
from mmssl.modules.front_ends import log_mel
from mmssl.modules.resnet import group_norm
from mmssl.objectives.contrastive.info_nce import InfoNCE
from mmssl.run import Run

Door = Callable[[], object]


def tiny_model() -> Model:
    """Untrained, which is as good for reading files."""
    audio = AudioResNet(log_mel(), width=8, depths=(1, 1, 1), strides=(1, 2, 2), norm=group_norm)
    objective = InfoNCE(video=ImageSmall(), audio=audio, dim=16)
    data = Clips(source="nowhere", seconds=1.0, frames=2, pixels=32)
    return Model(Run(data=data, objective=objective, steps=1, batch_size=2), torch.device("cpu"))


def tried(path: Path, model: Model) -> tuple[str, tuple[str, ...]]:
    """Outcome and faults of one file, through every door."""
    faults: list[str] = []
    given = 0
    try:
        faults += [fault.value for fault, _ in probe(path).broken]
        for door in chain(_windows(path), _clips(path), _questions(path, model)):
            try:
                door()
                given += 1
            except MediaError as error:
                faults.append(error.fault.value)
    except MmsslError as error:
        faults.append(type(error).__name__)
    except Exception as error:  # noqa: BLE001 - what else comes out is what is looked for
        return "bug", (f"{type(error).__name__}: {error}",)
    return ("partly" if faults else "read") if given else "refused", tuple(sorted(set(faults)))


def _windows(path: Path) -> Iterator[Door]:
    for reader in (PyAVReader(), PyAVReader(tables=False)):
        try:
            with reader.open(str(path), path.name) as media:
                length = min(media.info.duration, 60.0)
                for start in (0.0, length / 2, max(0.0, length - 0.6)):
                    yield partial(media.frames, [start, start + 0.2, start + 0.5], (16, 16))
                    yield partial(media.sound, start, 8_000, 16_000)
        except MediaError as error:
            yield partial(_again, error)


def _clips(path: Path) -> Iterator[Door]:
    clips = Clips(source=str(path), seconds=1.0, frames=4, pixels=32, window=EvenWindows(2), require=()).open()
    yield from (partial(clips.clip, index, 0) for index in range(len(clips)))


def _questions(path: Path, model: Model) -> Iterator[Door]:
    yield partial(_finite, model, video=path)
    yield partial(_finite, model, audio=path)


def _again(error: MediaError) -> None:
    raise error


def _finite(model: Model, video: Path | None = None, audio: Path | None = None) -> None:
    if not bool(torch.isfinite(model.query(video=video, audio=audio)).all()):
        raise ArithmeticError("the vector of a query is not finite")
