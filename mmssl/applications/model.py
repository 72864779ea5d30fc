"""`Model`, a trained run in use: words, sounds, films and pictures become vectors of one space.

`mmssl.load("runs/quickstart").embed(text="a red ball bouncing")`
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from mmssl.applications.align import Aligned, Aligner
from mmssl.applications.calibration import read_calibration
from mmssl.applications.inputs import Array, audio_batch, image_batch, text_batch, video_batch
from mmssl.applications.localize import Localizer, Located, Threshold, Watch
from mmssl.applications.moments import Hit
from mmssl.applications.search import open_indexes, search
from mmssl.applications.sync import Synced, Syncer
from mmssl.applications.windows import read_windows, recorded, window_starts
from mmssl.batch import Batch, Modality
from mmssl.data.clip import ClipFormat
from mmssl.data.decode.reader import Reader, Source
from mmssl.errors import UsageError
from mmssl.modules.fingerprint import fingerprint
from mmssl.objective import Objective
from mmssl.run import Run
from mmssl.training.folder import load_run
from mmssl.training.processes import find_device


def load(folder: str | Path, device: str = "auto") -> "Model":
    """The model of a run folder, ready to use.

    Args:
        folder: the `--out` of a training. Its `recipe.py` is run: load folders of people whom you trust.
        device: auto, cpu, cuda or cuda:1.

    Raises:
        CheckpointError: it is no run folder, has no checkpoint, or is damaged.
        UsageError: there is no such device.
    """
    return Model(load_run(Path(folder)), find_device(device), Path(folder))


class Model:
    """An objective in eval mode on its device, and what its data looked like.

    Args:
        run: with trained weights.
        device: to compute on.
        folder: of the run, None when it has none.
    """

    def __init__(self, run: Run, device: torch.device, folder: Path | None = None) -> None:
        self.run, self.device, self.folder = run, device, folder
        self.objective: Objective = run.objective.to(device).eval()

    @property
    def format(self) -> ClipFormat:
        """What one window holds: seconds, frames, pixels, sample rate, words."""
        return self.run.data

    @property
    def reader(self) -> Reader:
        """The decoder that the run was trained with."""
        return self.run.data.reader

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """Those that it embeds."""
        return tuple(modality for modality in self.format.modalities if modality in self.objective.encoders)

    @cached_property
    def fingerprint(self) -> str:
        """Of the weights; vectors of models with other fingerprints do not compare."""
        return fingerprint(self.objective)

    def embed(
        self,
        *,
        text: str | Sequence[str] | None = None,
        video: str | Path | Array | None = None,
        audio: str | Path | Array | None = None,
        image: str | Path | Image.Image | Array | None = None,
        sample_rate: int | None = None,
        stride: float | None = None,
    ) -> Tensor:
        """Unit vectors `[n, E]` on the CPU, of one thing: a row a text, or a window of a film or a sound.

        Args:
            text: one or several.
            video: a file, in windows, or frames `[T, H, W, 3]` uint8, which are one clip.
            audio: a file (of a film, its sound), or samples `[S]` in [-1, 1]; in windows.
            image: a file, a PIL image or `[H, W, 3]` uint8.
            sample_rate: of samples, Hz; the model's own when None.
            stride: seconds between windows; half a window when None.

        Raises:
            UsageError: not one thing was given, or the model has no encoder of it.
            MediaError: the file cannot be read.
        """
        given = {"text": text, "video": video, "audio": audio, "image": image}
        names = [name for name, value in given.items() if value is not None]
        if len(names) != 1:
            raise UsageError(f"embed takes one of text, video, audio and image, not {' and '.join(names) or 'none'}")
        stride = self.format.seconds / 2 if stride is None else stride
        if text is not None:
            self._require("text")
            return self._embed(text_batch([text] if isinstance(text, str) else list(text), self.format))["text"]
        if image is not None:
            self._require("video")
            return self._embed(image_batch(image, self.format))["video"]
        if isinstance(video, str | Path):
            return self.embed_windows(video, stride, ("video",))[1]["video"]
        if isinstance(audio, str | Path):
            return self.embed_windows(audio, stride, ("audio",))[1]["audio"]
        if video is not None:
            self._require("video")
            return self._embed(video_batch(video, self.format))["video"]
        assert audio is not None
        self._require("audio")
        return self._embed(audio_batch(audio, self.format, sample_rate, stride))["audio"]

    def embed_windows(
        self,
        source: Source | Path,
        stride: float | None = None,
        modalities: Sequence[Modality] | None = None,
        *,
        name: str | None = None,
    ) -> tuple[NDArray[np.float64], dict[Modality, Tensor]]:
        """A whole recording in overlapping windows.

        Args:
            source: a path or an open file.
            stride: seconds between windows; half a window when None.
            modalities: to embed, which the recording must have; None takes those that it has.
            name: of the recording in messages; the path when None.

        Returns:
            `[n, 2]` start and end of each window in seconds, and unit vectors `[n, E]` on the CPU.

        Raises:
            MediaError: it cannot be read, or lacks a modality.
            UsageError: the model has no encoder of a modality.
        """
        source = str(source) if isinstance(source, Path) else source
        name = name or (source if isinstance(source, str) else "the recording")
        stride = self.format.seconds / 2 if stride is None else stride
        if not stride > 0:
            raise UsageError(f"stride is {stride}; give seconds above 0")
        with self.reader.open(source, name) as media:
            for modality in modalities or ():
                self._require(modality)
            asked = self.modalities if modalities is None else modalities
            wanted = recorded(media, name, asked, modalities is not None)
            starts = window_starts(0.0, media.info.duration, self.format.seconds, stride)
            parts = [self._embed(batch) for batch in read_windows(media, starts, self.format, wanted)]
            ends = np.minimum(starts + self.format.seconds, media.info.duration)
        return np.stack([starts, ends], axis=1), {m: torch.cat([part[m] for part in parts]) for m in wanted}

    def query(
        self,
        *,
        text: str | None = None,
        video: str | Path | Array | None = None,
        audio: str | Path | Array | None = None,
        image: str | Path | Image.Image | Array | None = None,
    ) -> Tensor:
        """One unit vector `[E]` for a search: the mean over the windows of what was given; arguments as of `embed`."""
        return functional.normalize(self.embed(text=text, video=video, audio=audio, image=image).mean(0), dim=0)

    def search(
        self,
        index: str | Path | Sequence[str | Path],
        *,
        text: str | None = None,
        video: str | Path | Array | None = None,
        audio: str | Path | Array | None = None,
        image: str | Path | Image.Image | Array | None = None,
        count: int = 10,
        modalities: Sequence[Modality] | None = None,
    ) -> list[Hit]:
        """The best moments of an index for words, a sound, a film or a picture.

        Args:
            index: folder of `mmssl index`, or several, or the http address of a Qdrant collection.
            text: words; or
            video: a film; or
            audio: a sound; or
            image: a picture; one of these.
            count: moments at most.
            modalities: to compare with; None takes video and audio, as far as the model has them.

        Raises:
            UsageError: there is no such index, or it is of another model.
        """
        places = [index] if isinstance(index, str | Path) else index
        vector = self.query(text=text, video=video, audio=audio, image=image)
        asked: Modality = "text" if text is not None else "audio" if audio is not None else "video"
        seen: tuple[Modality, ...] = tuple(m for m in self.modalities if m != "text")
        opened = open_indexes([str(place) for place in places], self.fingerprint)
        return search(opened, vector, count, tuple(modalities or seen), asked)

    def localize(
        self,
        path: str | Path,
        out: str | Path | None = None,
        *,
        stills: str | Path | None = None,
        threshold: float | None = None,
        stride: float = 0.0,
        watch: Watch | None = None,
    ) -> Located:
        """Where a film sounds, picture by picture.

        Args:
            path: of the film.
            out: .mp4, .mov or .mkv to write it to with heat maps and its original sound; None draws nothing.
            stills: folder for PNGs of the hottest pictures, with `out`.
            threshold: score below which nothing in view sounds; None takes that of the run's calibration, else one
                from what the film scores with silence and noise.
            stride: seconds between windows; half a window when 0.
            watch: called with the share that is done, 0 to 1.

        Raises:
            UsageError: the model lacks picture or sound, or `out` cannot be written.
            MediaError: the film cannot be read, or has no picture or no sound.
        """
        self._require("video")
        self._require("audio")
        kept = None if self.folder is None else read_calibration(self.folder)
        chosen = kept if threshold is None else Threshold(threshold, "as it was given")
        localizer = Localizer(self.objective, self.device, self.format, chosen, stride)
        if out is None:
            return localizer.track(path, watch)
        return localizer.film(path, Path(out), None if stills is None else Path(stills), watch)

    def align(
        self,
        films: Sequence[str | Path],
        out: str | Path | None = None,
        *,
        sound: str | Path | None = None,
        method: str = "dtw",
        watch: Watch | None = None,
    ) -> Aligned:
        """Films of one action on one clock.

        Args:
            films: two or more files.
            out: .mp4, .mov or .mkv to write them to side by side, in step; None writes nothing.
            sound: which of them gives the clock and the sound; the first when None.
            method: dtw or nearest.
            watch: called with the share that is done, 0 to 1.

        Raises:
            UsageError: the model lacks pictures or tells no times apart, an argument is wrong, or `out` cannot be
                written.
            MediaError: a film cannot be read or has no picture.
        """
        self._require("video")
        return Aligner(self.objective, self.device, self.format).align(films, out, sound, method, watch)

    def sync(self, path: str | Path, *, reach: float = 0.6, watch: Watch | None = None) -> Synced:
        """By how much the sound of a film is late.

        Args:
            path: of the film.
            reach: seconds to either side in which the offset is sought.
            watch: called with the share that is done, 0 to 1.

        Raises:
            UsageError: the model cannot tell offsets.
            MediaError: the film cannot be read, has no picture or no sound, or is shorter than a second.
        """
        self._require("video")
        self._require("audio")
        objective: Any = self.objective  # which `Syncer` looks at
        self.run.data.demand_synchrony("offsets need clips that are")
        return Syncer(objective, self.device, self.format, reach, reader=self.reader).sync(path, watch)

    @torch.inference_mode()
    def _embed(self, batch: Batch) -> dict[Modality, Tensor]:
        return {modality: rows.cpu() for modality, rows in self.objective.embed(batch.to(self.device)).items()}

    def _require(self, modality: Modality) -> None:
        if modality not in self.modalities:
            raise UsageError(f"this model has no encoder of {modality}; it has {', '.join(self.modalities)}")
