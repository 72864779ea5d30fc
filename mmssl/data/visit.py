"""`Visit`, from an open recording to all the clips of it that are wanted at once.

Successive windows of a film share groups of pictures that only decode from their first one on, so all pictures of a
visit are asked for in one ascending pass: eight windows of a film with a keyframe every ten seconds cost little more
than one. What a clip holds does not depend on the others.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmssl.batch import Modality
from mmssl.data.candidates import candidates
from mmssl.data.clip import Clip, ClipFormat
from mmssl.data.collate import as_batch
from mmssl.data.decode.reader import Media
from mmssl.data.recordings import Recording
from mmssl.data.window import Stretch, Window
from mmssl.errors import Fault, MediaError

_FAULTS: dict[Modality, Fault] = {"video": Fault.NO_VIDEO, "audio": Fault.NO_AUDIO, "text": Fault.TEXT}

Pictures = tuple[Tensor, Tensor] | tuple[None, None]  # [T, 3, H, W] and [T], where they are asked for


def _number(name: str) -> int:
    """The same for the same name, wherever it is read: 64 bits of a hash."""
    digest = hashlib.blake2b(name.encode(errors="surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


@dataclass(frozen=True)
class Wanted:
    """One clip of a recording."""

    window: int  # which of the rule's windows
    seed: int  # all that is random about it


@dataclass(frozen=True)
class Visit:
    """The steps from an open recording to clips.

    Attributes:
        format: of the clips.
        recording: what is known of it.
        number: of the recording.
        name: what messages call it.
    """

    format: ClipFormat
    recording: Recording
    number: int
    name: str

    def clips(self, media: Media | None, window: Window, wanted: Sequence[Wanted]) -> list[Clip]:
        """Decode them; without media, their words alone.

        Raises:
            MediaError: any of them cannot be read, lacks what is required, or is too short.
        """
        if media is None:
            present, starts = frozenset[Modality](), [self.recording.start or 0.0] * len(wanted)
        else:
            present = self._present(media)
            starts = [self._start(media, present, window, one) for one in wanted]
        pictures, sounds = self._pictures(media, starts, present), self._sounds(media, starts, present)
        return [
            self._clip(one, start, picture, sound, present)
            for one, start, picture, sound in zip(wanted, starts, pictures, sounds, strict=True)
        ]

    def _present(self, media: Media) -> frozenset[Modality]:
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

    def _start(self, media: Media, present: frozenset[Modality], window: Window, wanted: Wanted) -> float:
        """Where a clip starts, seconds."""
        info, recording, seconds = media.info, self.recording, self.format.seconds
        streams = [s for m, s in (("video", info.video), ("audio", info.audio)) if m in present and s is not None]
        begin = max(*(stream.start for stream in streams), recording.start or 0.0)
        end = min(stream.start + stream.duration for stream in streams)
        end = end if recording.end is None else min(end, recording.end)
        stretch = Stretch(begin, end, recording.captions)
        start = window.place(stretch, seconds, wanted.seed, wanted.window)
        if start is None:
            there = f"{max(end - begin, 0):.2f} s from {begin:.2f} s on hold {' and '.join(sorted(present))}"
            asked = f"a clip is {seconds:g} s, by the recipe's Clips(seconds=...)"
            raise MediaError(self.name, Fault.TOO_SHORT, f"{there}, and {asked}")
        return start

    def _pictures(self, media: Media | None, starts: Sequence[float], present: frozenset[Modality]) -> list[Pictures]:
        """Of each clip, all decoded in one pass."""
        count, pixels = self.format.frames, self.format.pixels
        if not count:
            return [(None, None)] * len(starts)
        offsets = (np.arange(count) + 0.5) * self.format.seconds / count
        times: NDArray[np.float64] = np.asarray(starts)[:, None] + offsets  # [clips, T]
        if media is None or "video" not in present:
            empty = as_batch(torch.zeros(count, pixels, pixels, 3, dtype=torch.uint8))
            return [(empty, torch.from_numpy(row)) for row in times]
        ascending = np.argsort(times, axis=None, kind="stable")
        frames = media.frames(times.ravel()[ascending].tolist(), (pixels, pixels))
        rows = np.argsort(ascending).reshape(times.shape)
        # Windows that do not overlap are slices of what came; others are gathered.
        parts = [slice(row[0], row[-1] + 1) if row[-1] - row[0] + 1 == count else row for row in rows]
        return [
            (as_batch(torch.from_numpy(frames.pixels[part])), torch.from_numpy(frames.times[part])) for part in parts
        ]

    def _sounds(
        self, media: Media | None, starts: Sequence[float], present: frozenset[Modality]
    ) -> Sequence[Tensor | None]:
        """`[S]` of each clip."""
        samples, rate = self.format.samples, self.format.sample_rate
        if not rate:
            return [None] * len(starts)
        if media is None or "audio" not in present:
            return [torch.zeros(samples)] * len(starts)
        sounds = {start: torch.from_numpy(media.sound(start, samples, rate)) for start in sorted(set(starts))}
        return [sounds[start] for start in starts]

    def _clip(
        self,
        wanted: Wanted,
        start: float,
        pictures: Pictures,
        audio: Tensor | None,
        present: frozenset[Modality],
    ) -> Clip:
        format = self.format
        text, text_valid = self._text(start, wanted.seed) if format.has_text else (None, None)
        if text_valid is not None and text_valid.any():
            present = present | {"text"}
        elif "text" in format.required:
            language = f" in {format.language!r}" if format.language else ""
            raise MediaError(self.name, Fault.TEXT, f"the clips require a caption{language} and it has none")
        return Clip(
            key=self.recording.key,
            index=self.number,
            group=_number(self.recording.group or self.recording.key),
            label=_number(self.recording.label),
            seed=wanted.seed,
            start=start,
            video=pictures[0],
            video_times=pictures[1],
            audio=audio,
            text=text,
            text_valid=text_valid,
            present=present,
        )

    def _text(self, start: float, seed: int) -> tuple[Tensor, Tensor]:
        """`[C, L]` and `[C]`."""
        format, recording = self.format, self.recording
        chosen = candidates(recording.captions, (start, start + format.seconds), format.captions, format.language, seed)
        text = torch.full((format.captions, format.words), -1, dtype=torch.int64)
        if chosen and format.tokenizer is not None:
            text[: len(chosen)] = format.tokenizer(chosen, format.words)
        return text, (text >= 0).any(1)
