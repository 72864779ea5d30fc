"""What a trained run makes of words, sounds, films and pictures: unit vectors of one space."""

import math
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from mmssl.applications.inputs import Array, audio_batch, image_batch, one_file, text_batch, video_batch
from mmssl.applications.windows import read_windows, recorded, window_starts
from mmssl.batch import Batch, Modality
from mmssl.data.clip import ClipFormat
from mmssl.data.decode.reader import Media, Reader, Source
from mmssl.errors import Fault, MediaError, UsageError
from mmssl.modules.fingerprint import fingerprint
from mmssl.objective import Objective
from mmssl.run import Run


class Embedder:
    """An objective in eval mode on its device, and what its data looked like.

    Args:
        run: with trained weights.
        device: to compute on.
    """

    def __init__(self, run: Run, device: torch.device) -> None:
        self.run, self.device = run, device
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

    def require(self, *modalities: Modality) -> None:
        """Refuse what it cannot embed.

        Raises:
            UsageError: it has no encoder of one of them.
        """
        for modality in modalities:
            if modality not in self.modalities:
                raise UsageError(f"this model has no encoder of {modality}; it has {', '.join(self.modalities)}")

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

        Of many recordings: `Model.embed_archive`. Of clips that are in memory already, B at once on the model's device:
        `model.objective.embed(Batch(video=pixels, audio=samples))`, unit vectors `[B, E]` of each modality.

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
        if text is not None:
            self.require("text")
            return self._embed(text_batch([text] if isinstance(text, str) else list(text), self.format))["text"]
        if image is not None:
            self.require("video")
            return self._embed(image_batch(image, self.format))["video"]
        if isinstance(video, str | Path):
            return self.embed_windows(one_file(video), stride, ("video",))[1]["video"]
        if isinstance(audio, str | Path):
            return self.embed_windows(one_file(audio), stride, ("audio",))[1]["audio"]
        if video is not None:
            self.require("video")
            return self._embed(video_batch(video, self.format))["video"]
        assert audio is not None
        self.require("audio")
        return self._embed(audio_batch(audio, self.format, sample_rate, self._stride(stride)))["audio"]

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
        with self.reader.open(source, name) as media:
            return self.windows(media, name, (0.0, math.inf), stride, modalities)

    def windows(
        self,
        media: Media,
        name: str,
        part: tuple[float, float],
        stride: float | None = None,
        modalities: Sequence[Modality] | None = None,
    ) -> tuple[NDArray[np.float64], dict[Modality, Tensor]]:
        """The same of the seconds [begin, end) of an open recording; all else as of `embed_windows`."""
        stride = self._stride(stride)
        self.require(*modalities or ())
        begin, end = part[0], min(part[1], media.info.duration)
        if end <= begin:
            raise MediaError(name, Fault.TOO_SHORT, f"it lasts {end:.2f} s, its part starts at {begin:.2f} s")
        asked = self.modalities if modalities is None else modalities
        wanted = recorded(media, name, asked, modalities is not None)
        starts = window_starts(begin, end, self.format.seconds, stride)
        parts = [self._embed(batch) for batch in read_windows(media, starts, self.format, wanted)]
        ends = np.minimum(starts + self.format.seconds, end)
        return np.stack([starts, ends], axis=1), {m: torch.cat([part[m] for part in parts]) for m in wanted}

    def _stride(self, stride: float | None) -> float:
        stride = self.format.seconds / 2 if stride is None else stride
        if not stride > 0:
            raise UsageError(f"stride is {stride}; give seconds above 0")
        return stride

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

    @torch.inference_mode()
    def _embed(self, batch: Batch) -> dict[Modality, Tensor]:
        return {modality: rows.cpu() for modality, rows in self.objective.embed(batch.to(self.device)).items()}
