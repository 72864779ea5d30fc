"""A recording into inputs of a model: overlapping windows of picture and sound, and the captions about them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mmssl.applications.bulk import Collected
from mmssl.applications.entries import first_caption, meets
from mmssl.applications.model import Model
from mmssl.applications.moments import IndexedRecording
from mmssl.applications.windows import read_windows, window_starts
from mmssl.batch import Modality
from mmssl.data.decode.reader import Media
from mmssl.data.keyed import Keyed
from mmssl.data.recordings import Recording
from mmssl.errors import Fault, MediaError

CHUNK = 16  # windows that are decoded at once


@dataclass(frozen=True)
class Piece:
    """Some windows of a recording on their way from the decoder, or why there are none."""

    owner: Collected | None
    inputs: Mapping[Modality, Tensor] = field(default_factory=dict)  # captions come with the first windows
    done: float = 0.0  # share of the recording
    fault: MediaError | None = None


@dataclass(frozen=True)
class Cutter:
    """From a recording to pieces; runs in the threads that decode."""

    model: Model
    stride: float
    modalities: Sequence[Modality]

    def pieces(self, recordings: Keyed, number: int, found: tuple[Recording, IndexedRecording]) -> Iterator[Piece]:
        """Of one recording; a fault is the last of them."""
        recording, indexed = found
        try:
            media = self.model.reader.open(recordings.source(number), indexed.name)
            with media:
                yield from self._windows(media, recording, indexed)
        except MediaError as error:
            yield Piece(None, done=1.0, fault=error)

    def _windows(self, media: Media, recording: Recording, indexed: IndexedRecording) -> Iterator[Piece]:
        format = self.model.format
        there: dict[Modality, bool] = {"video": media.info.video is not None, "audio": media.info.audio is not None}
        wanted = [m for m in self.modalities if there.get(m, False)]
        begin = recording.start or 0.0
        end = min(media.info.duration, media.info.duration if recording.end is None else recording.end)
        if not wanted:
            asked = ", ".join(self.modalities)
            raise MediaError(indexed.name, Fault.UNSUPPORTED, f"it has none of {asked} that is to be indexed")
        if end <= begin:
            raise MediaError(indexed.name, Fault.TOO_SHORT, f"it lasts {end:.2f} s, its part starts at {begin:.2f} s")
        starts = window_starts(begin, end, format.seconds, self.stride)
        spans = [(start, min(start + format.seconds, end)) for start in starts.tolist()]
        owner = Collected(indexed, spans, first_caption(recording, spans))
        text, seen = self._text(owner, recording), 0
        for batch in read_windows(media, starts, format, wanted, chunk=CHUNK):
            seen += len(batch)
            yield Piece(owner, {**text, **{m: getattr(batch, m) for m in wanted}}, seen / len(starts))
            text = {}

    def _text(self, owner: Collected, recording: Recording) -> dict[Modality, Tensor]:
        """Ids of the captions that the model can read, `[captions, 1, L]`; empty for none."""
        format = self.model.format
        languages = ("", format.language)
        captions = [c for c in recording.captions if not format.language or c.language in languages]
        if "text" not in self.modalities or format.tokenizer is None or not captions:
            return {}
        tokens = format.tokenizer([caption.text for caption in captions], format.words)
        known = (tokens >= 0).any(1)
        about = [[float(meets((c.start, c.end), span)) for c in captions] for span in owner.spans]
        owner.about = torch.tensor(about)[:, known]
        return {"text": tokens[known].unsqueeze(1)} if known.any() else {}
