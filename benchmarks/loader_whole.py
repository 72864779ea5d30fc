"""From a shard to a clip with its log-mel spectrogram, beside what people put together from webdataset and decoders."""

import importlib
import io
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchaudio.functional import resample
from torchaudio.transforms import MelSpectrogram

from benchmarks.children import Work, cpu_each, in_child, interleaved, rate, ratio
from benchmarks.tables import Row
from mmssl.data.clips import Clips
from mmssl.data.loader import training_batches
from mmssl.data.order import Free, Grouping, Order, PerRecording
from mmssl.modules.front_ends import log_mel

FRAMES, PIXELS, SECONDS, RATE, BATCH, VISIT = 16, 224, 1.28, 16_000, 8, 8
PEER = "webdataset + decord + torchcodec + torchaudio"

Sample = tuple[Tensor, Tensor]  # [T, 3, H, W] uint8, [T', F]


def _features() -> MelSpectrogram:
    return MelSpectrogram(RATE, n_fft=512, win_length=400, hop_length=160, n_mels=80)


def ours(folder: Path, grouping: Grouping, count: int) -> Iterator[None]:
    """As training reads them, in this process."""
    data = Clips(
        source=str(folder),
        seconds=SECONDS,
        frames=FRAMES,
        pixels=PIXELS,
        sample_rate=RATE,
        captions=0,
        order=Order(grouping=grouping),
    )
    front_end = log_mel(RATE)
    for batch in islice(training_batches(data.open(), batch_size=BATCH, seed=1), count // BATCH):
        assert front_end(batch.audio).shape[:2] == (BATCH, 1 + batch.audio.shape[1] // 160)
        yield from [None] * BATCH


def composed(shards: list[str], count: int) -> Iterator[Sample]:
    """Each as its documentation has it; decord scales while it decodes."""
    webdataset: Any = importlib.import_module("webdataset")
    decord: Any = importlib.import_module("decord")
    decoders: Any = importlib.import_module("torchcodec.decoders")
    draws, features = np.random.default_rng(1), _features()
    stream = webdataset.WebDataset(shards, shardshuffle=len(shards), empty_check=False, seed=1).shuffle(100).repeat()
    for sample in islice(stream, count):
        film = decord.VideoReader(io.BytesIO(sample["mp4"]), width=PIXELS, height=PIXELS, num_threads=1)
        fps = film.get_avg_fps()
        start = draws.uniform(0, max(len(film) / fps - SECONDS, 0))
        wanted = ((start + (np.arange(FRAMES) + 0.5) * SECONDS / FRAMES) * fps).astype(int).clip(0, len(film) - 1)
        video = torch.from_numpy(film.get_batch(wanted.tolist()).asnumpy()).permute(0, 3, 1, 2)
        decoder = decoders.AudioDecoder(sample["mp4"])
        sound = decoder.get_samples_played_in_range(start, start + SECONDS)
        wave = resample(sound.data.mean(0), sound.sample_rate, RATE)
        yield video, torch.log(features(wave) + 1e-6).T


class Files(Dataset[Sample]):
    """Plain files by PyAV."""

    def __init__(self, folder: Path) -> None:
        self.paths, self.features = sorted(folder.glob("*.mp4")), _features()

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Sample:
        with av.open(str(self.paths[index])) as film:
            picture, voice = film.streams.video[0], film.streams.audio[0]
            both = min(float(stream.duration * stream.time_base) for stream in (picture, voice))
            start = float(torch.rand(())) * max(both - SECONDS, 0)
            film.seek(int(start * 1e6))
            wanted, shown = [start + (i + 0.5) * SECONDS / FRAMES for i in range(FRAMES)], list[Tensor]()
            for frame in film.decode(picture):
                while len(shown) < FRAMES and (frame.time or 0.0) >= wanted[len(shown)]:
                    shown.append(torch.from_numpy(frame.to_ndarray(format="rgb24", width=PIXELS, height=PIXELS)))
                if len(shown) == FRAMES:
                    break
            shown += shown[-1:] * (FRAMES - len(shown))
            film.seek(int(start * 1e6))
            heard = list[Tensor]()
            for frame in film.decode(voice):
                if (frame.time or 0.0) + frame.samples / frame.sample_rate < start:
                    continue
                heard.append(torch.from_numpy(frame.to_ndarray().mean(0)))
                if (frame.time or 0.0) > start + SECONDS:
                    break
            wave = resample(torch.cat(heard), voice.sample_rate, RATE)
            wave = torch.nn.functional.pad(wave, (0, round(SECONDS * RATE)))[: round(SECONDS * RATE)]
            return torch.stack(shown).permute(0, 3, 1, 2), torch.log(self.features(wave) + 1e-6).T


def plain(folder: Path, count: int) -> Iterator[None]:
    """In this process, as the others."""
    films = Files(folder)
    sampler = torch.utils.data.RandomSampler(films, num_samples=count, replacement=True)
    for video, _ in DataLoader(films, BATCH, sampler=sampler, drop_last=True):
        assert video.shape[1:] == (FRAMES, 3, PIXELS, PIXELS)
        yield from [None] * BATCH


def measure(name: str, folders: dict[str, Path], files: Path | None, count: int, rounds: int) -> list[Row]:
    """Samples a second of one core.

    Args:
        name: of the films.
        folders: of shards, by how they were packed; peers read the first.
        files: the same films unpacked.
        count: samples a round.
        rounds: that count.
    """
    for library in ("webdataset", "decord", "torchcodec.decoders"):
        importlib.import_module(library)  # before the forks, so that nobody's time holds it
    first = next(iter(folders.values()))
    shards = sorted(str(path) for path in first.glob("*.tar"))
    variants: dict[str, Work] = {PEER: lambda: composed(shards, count)}
    if files is not None:
        variants["DataLoader on files, PyAV + torchaudio"] = lambda: plain(files, count)
    for packed, folder in folders.items():
        variants[f"mmssl, {packed}"] = lambda folder=folder: ours(folder, Free(), count)  # type: ignore[misc]
        variants[f"mmssl, {packed}, {VISIT} windows a visit"] = lambda folder=folder: ours(  # type: ignore[misc]
            folder, PerRecording(VISIT), count
        )
    readings = interleaved(variants, rounds)
    return [
        {
            "part": f"shard to clip and log-mel, {name}",
            "setup": variant,
            "figure": rate(readings[variant], cpu_each),
            "unit": "samples per CPU s",
            "times the peer": ratio(readings[variant], readings[PEER], cpu_each),
            "private MB": in_child(work, memory=True).private,
        }
        for variant, work in variants.items()
    ]
