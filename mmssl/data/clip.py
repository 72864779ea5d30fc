"""`Clip`, a few seconds of one recording with their pictures, sound and words, and how it is cut out."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mmssl.batch import MODALITIES, Batch, Modality
from mmssl.data.candidates import candidates
from mmssl.data.decode.reader import Media
from mmssl.data.recordings import Recording
from mmssl.data.tokens import Tokenizer
from mmssl.data.window import Stretch, Window
from mmssl.errors import Fault, MediaError, UsageError

_FAULTS: dict[Modality, Fault] = {"video": Fault.NO_VIDEO, "audio": Fault.NO_AUDIO, "text": Fault.TEXT}


@dataclass(frozen=True, kw_only=True)
class ClipFormat:
    """What a clip holds.

    Attributes:
        seconds: of a clip.
        frames: pictures a clip, at start + (i + 0.5) * seconds / frames; 0: no video.
        pixels: height and width.
        sample_rate: Hz; 0: no sound.
        captions: candidates a clip, those nearest in time; 0: no text. Without a tokenizer there is no text either.
        words: tokens a caption.
        language: ISO 639-1, of the captions to take beside those of unknown language; "" takes all.
        tokenizer: of captions.
        require: modalities without which a recording counts as unreadable; None: all that are asked for but text.
            A modality that may lack is zeros where it does, with False in its `_valid`.
    """

    seconds: float = 2.0
    frames: int = 16
    pixels: int = 112
    sample_rate: int = 16_000
    captions: int = 1
    words: int = 16
    language: str = ""
    tokenizer: Tokenizer | None = None
    require: tuple[Modality, ...] | None = None

    @property
    def samples(self) -> int:
        """Of sound in a clip."""
        return round(self.seconds * self.sample_rate)

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """Those that are asked for."""
        asked = {"video": self.frames > 0, "audio": self.sample_rate > 0, "text": self.has_text}
        return tuple(modality for modality in MODALITIES if asked[modality])

    @property
    def has_text(self) -> bool:
        """Whether captions are asked for and can be."""
        return self.captions > 0 and self.tokenizer is not None

    @property
    def required(self) -> tuple[Modality, ...]:
        """Those without which a recording is no use."""
        return tuple(m for m in self.modalities if m != "text") if self.require is None else self.require

    def check(self) -> None:
        """Refuse what cannot be.

        Raises:
            UsageError: a setting is out of range.
        """
        if not self.seconds > 0 or min(self.frames, self.sample_rate, self.captions) < 0 or not self.modalities:
            raise UsageError("Clips needs seconds above 0, and at least one of frames, sample_rate and captions")
        if (self.frames and self.pixels < 1) or (self.has_text and self.words < 1):
            raise UsageError("Clips needs at least one pixel and one word")
        if surplus := set(self.required) - set(self.modalities):
            raise UsageError(f"Clips requires {', '.join(sorted(surplus))}, which it does not ask for")


@dataclass(frozen=True)
class Clip:
    """One clip; a modality that was not asked for is None, one that lacks is zeros and not valid."""

    key: str
    index: int  # of the recording
    group: int
    seed: int
    start: float  # seconds into the recording
    video: Tensor | None  # [T, 3, H, W] uint8
    video_times: Tensor | None  # [T] float64
    audio: Tensor | None  # [S] float32
    text: Tensor | None  # [C, L] int64
    text_valid: Tensor | None  # [C] bool
    present: frozenset[Modality]


@dataclass(frozen=True)
class Cut:
    """The steps from an open recording to a clip."""

    format: ClipFormat
    recording: Recording
    name: str
    seed: int

    def present(self, media: Media) -> frozenset[Modality]:
        """Which of picture and sound are asked for and there."""
        there: dict[Modality, bool] = {"video": media.info.video is not None, "audio": media.info.audio is not None}
        asked = [modality for modality in self.format.modalities if modality != "text"]
        for modality in asked:
            if not there[modality] and modality in self.format.required:
                raise MediaError(self.name, _FAULTS[modality], f"the clips require {modality} and it has none")
        present = frozenset(modality for modality in asked if there[modality])
        if not present:
            raise MediaError(self.name, _FAULTS[asked[0]], f"it has no {' and no '.join(asked)}")
        return present

    def start(self, media: Media, present: frozenset[Modality], window: Window, number: int) -> float:
        """Where the clip starts, seconds."""
        info, recording, seconds = media.info, self.recording, self.format.seconds
        streams = [s for m, s in (("video", info.video), ("audio", info.audio)) if m in present and s is not None]
        begin = max(*(stream.start for stream in streams), recording.start or 0.0)
        end = min(stream.start + stream.duration for stream in streams)
        end = end if recording.end is None else min(end, recording.end)
        stretch = Stretch(begin, end, recording.captions)
        start = window.place(stretch, seconds, self.seed, number)
        if start is None:
            there = f"{max(end - begin, 0):.2f} s from {begin:.2f} s on hold {' and '.join(sorted(present))}"
            raise MediaError(self.name, Fault.TOO_SHORT, f"{there}, and a clip is {seconds:g} s: ask for fewer seconds")
        return start

    def clip(self, media: Media | None, index: int, start: float, present: frozenset[Modality]) -> Clip:
        """Decode from `start` on."""
        format = self.format
        video, times = self._video(media, start, "video" in present) if format.frames else (None, None)
        audio = self._audio(media, start, "audio" in present) if format.sample_rate else None
        text, text_valid = self._text(start) if format.has_text else (None, None)
        if text_valid is not None and text_valid.any():
            present = present | {"text"}
        elif "text" in format.required:
            language = f" in {format.language!r}" if format.language else ""
            raise MediaError(self.name, Fault.TEXT, f"the clips require a caption{language} and it has none")
        group = self.recording.group or self.recording.key
        digest = hashlib.blake2b(group.encode(), digest_size=8).digest()
        group_id = int.from_bytes(digest, "little", signed=True)
        return Clip(
            key=self.recording.key,
            index=index,
            group=group_id,
            seed=self.seed,
            start=start,
            video=video,
            video_times=times,
            audio=audio,
            text=text,
            text_valid=text_valid,
            present=present,
        )

    def _video(self, media: Media | None, start: float, present: bool) -> tuple[Tensor, Tensor]:
        """`[T, 3, H, W]` and `[T]`."""
        count, pixels = self.format.frames, self.format.pixels
        times = start + (np.arange(count) + 0.5) * self.format.seconds / count
        if media is None or not present:
            return torch.zeros(count, 3, pixels, pixels, dtype=torch.uint8), torch.from_numpy(times)
        frames = media.frames(times.tolist(), (pixels, pixels))
        return torch.from_numpy(frames.pixels).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(frames.times)

    def _audio(self, media: Media | None, start: float, present: bool) -> Tensor:
        """`[S]`."""
        samples = self.format.samples
        if media is None or not present:
            return torch.zeros(samples)
        return torch.from_numpy(media.sound(start, samples, self.format.sample_rate))

    def _text(self, start: float) -> tuple[Tensor, Tensor]:
        """`[C, L]` and `[C]`."""
        format, recording = self.format, self.recording
        chosen = candidates(
            recording.captions, (start, start + format.seconds), format.captions, format.language, self.seed
        )
        text = torch.full((format.captions, format.words), -1, dtype=torch.int64)
        if chosen and format.tokenizer is not None:
            text[: len(chosen)] = format.tokenizer(chosen, format.words)
        return text, (text >= 0).any(1)


def collate(clips: Sequence[Clip], format: ClipFormat, into: Mapping[str, Tensor] | None = None) -> Batch:
    """Clips to a batch; a modality that may lack always brings its mask, so that batches are alike.

    Args:
        clips: at least one.
        format: theirs.
        into: memory to use, by name of the tensor, with at least as many rows.
    """
    rows: dict[str, Tensor] = {
        "index": torch.tensor([clip.index for clip in clips]),
        "group": torch.tensor([clip.group for clip in clips]),
        "seed": torch.tensor([clip.seed for clip in clips]),
        "start": torch.tensor([clip.start for clip in clips], dtype=torch.float64),
    }
    memory = into or {}
    for name in ("video", "video_times", "audio", "text", "text_valid"):
        given = [value for clip in clips if (value := getattr(clip, name)) is not None]
        if given:
            rows[name] = torch.stack(given, out=memory[name][: len(given)] if name in memory else None)
    for modality in format.modalities:
        if modality != "text" and modality not in format.required:
            rows[f"{modality}_valid"] = torch.tensor([modality in clip.present for clip in clips])
    return in_order(tuple(clip.key for clip in clips), rows)


def in_order(keys: tuple[str, ...], rows: Mapping[str, Tensor]) -> Batch:
    """A batch whose tensors come in the order in which `Batch` names them, wherever it was put together."""
    return Batch(keys=keys, **{name: rows[name] for name in Batch.__annotations__ if name in rows})
