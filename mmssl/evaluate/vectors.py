"""One unit vector a held-out recording and modality, with the words they were found by."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mmssl.batch import Batch
from mmssl.data.candidates import candidates
from mmssl.data.clip import ClipFormat
from mmssl.data.clips import OpenClips
from mmssl.data.recordings import Recording
from mmssl.errors import EvaluationError
from mmssl.evaluate.every_caption import Sentences, said_of
from mmssl.evaluate.held_out import asked_for, look
from mmssl.objective import Objective

_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8})*")


@dataclass(frozen=True)
class Vectors:
    """N embeddings of one modality.

    Attributes:
        embeddings: `[N, E]` float32, on the CPU.
        valid: `[N]` bool, which recordings have the modality.
        captions: of text, the words behind each row ("" where there are none); empty for other modalities.
    """

    embeddings: Tensor
    valid: Tensor
    captions: tuple[str, ...] = ()


@dataclass(frozen=True)
class HeldOut:
    """N recordings as an objective sees them.

    Attributes:
        vectors: by modality, and by language as "text.de".
        index: `[N]` int64, numbers of the recordings.
        keys: of the recordings, for messages.
        labels: of the recordings, "" where there is none.
        captions: of the recordings, all that each has, in any language.
        asked: recordings that were looked at; asked - N could not be read.
        said: every caption, where recordings have several of one language.
    """

    vectors: dict[str, Vectors]
    index: Tensor
    keys: tuple[str, ...]
    labels: tuple[str, ...]
    captions: tuple[frozenset[str], ...]
    asked: int
    said: Sentences | None = None


@dataclass(frozen=True)
class _Place:
    """Where a clip was cut."""

    recording: Recording
    start: float
    seed: int

    def caption(self, format: ClipFormat, language: str) -> str:
        """The words of its first caption, as the loader chose them; "" if there are none."""
        span = (self.start, self.start + format.seconds)
        chosen = candidates(self.recording.captions, span, format.captions, language, self.seed)
        return chosen[0] if chosen else ""


def languages_of(recordings: Iterable[Recording]) -> tuple[str, ...]:
    """Those in which recordings are captioned, sorted; empty unless there are several.

    What is no code of a language is none: it would become part of the names of numbers.
    """
    told = {caption.language for recording in recordings for caption in recording.captions}
    found = {language for language in told if _LANGUAGE.fullmatch(language)}
    return tuple(sorted(found)) if len(found) > 1 else ()


class VectorGatherer:
    """Embeds each batch in every modality, and at the end its captions once more in each language.

    Args:
        objective: in eval mode.
        opened: from `middle`.
        languages: to look at one by one; None finds those of the captions unless the clips name one.
    """

    def __init__(self, objective: Objective, opened: OpenClips, languages: Sequence[str] | None = None) -> None:
        self._objective, self._opened, self._languages = objective, opened, languages
        self._rows: dict[str, list[Tensor]] = {}
        self._valid: dict[str, list[Tensor]] = {}
        self._numbers: list[int] = []
        self._places: list[_Place] = []
        self._largest = 1

    def add(self, batch: Batch) -> None:
        """Embed it."""
        for modality, embeddings in self._objective.embed(batch).items():
            self._rows.setdefault(modality, []).append(embeddings.float().cpu())
            self._valid.setdefault(modality, []).append(batch.valid(modality).cpu())
        for number, start, seed in zip(batch.index.tolist(), batch.start.tolist(), batch.seed.tolist(), strict=True):
            self._numbers.append(number)
            self._places.append(_Place(self._opened.recordings[number], start, seed))
        self._largest = max(self._largest, len(batch))

    def held(self, asked: int) -> HeldOut:
        """All that was seen.

        Args:
            asked: recordings that were looked at.

        Raises:
            EvaluationError: no recording could be read.
        """
        places, settings = self._places, self._opened.settings
        if not places:
            raise EvaluationError(f"none of the {asked} recordings could be read; look at `mmssl probe`")
        recordings = [place.recording for place in places]
        vectors = {m: Vectors(torch.cat(parts), torch.cat(self._valid[m])) for m, parts in self._rows.items()}
        said: Sentences | None = None
        if "text" in vectors:
            text, language = vectors["text"], settings.language
            words = tuple(place.caption(settings, language) for place in places)
            vectors["text"] = Vectors(text.embeddings, text.valid, words)
            automatic = self._languages is None and not language
            for name in languages_of(recordings) if automatic else self._languages or ():
                words = tuple(place.caption(settings, name) for place in places)
                # "-" stands between the modalities of a pair.
                vectors[f"text.{name.replace('-', '_')}"] = _of_words(self._objective, words, settings, self._largest)
            texts, owner = said_of(recordings, language)
            if texts:
                every = _of_words(self._objective, texts, settings, self._largest)
                known = every.valid.nonzero()[:, 0]
                kept = tuple(texts[number] for number in known.tolist())
                said = Sentences(every.embeddings[known], kept, owner[known])
        keys = tuple(recording.key for recording in recordings)
        labels = tuple(recording.label for recording in recordings)
        captions = tuple(frozenset(caption.text for caption in recording.captions) for recording in recordings)
        return HeldOut(vectors, torch.tensor(self._numbers), keys, labels, captions, asked, said)


def embed_held_out(
    objective: Objective,
    opened: OpenClips,
    *,
    batch_size: int = 32,
    limit: int = 0,
    workers: int = 0,
    languages: Sequence[str] | None = None,
) -> HeldOut:
    """Embed the middle of every recording in every modality.

    Args:
        objective: in eval mode.
        opened: from `middle`.
        batch_size: clips at once.
        limit: recordings at most; 0 takes all.
        workers: processes that decode.
        languages: as of `VectorGatherer`.

    Raises:
        EvaluationError: no recording could be read.
    """
    gatherer = VectorGatherer(objective, opened, languages)
    look([gatherer], objective, opened, batch_size, limit=limit, workers=workers)
    return gatherer.held(asked_for(opened, limit))


def _of_words(objective: Objective, captions: Sequence[str], format: ClipFormat, batch_size: int) -> Vectors:
    """Vectors of captions; nothing is decoded for them."""
    assert format.tokenizer is not None, "clips without a tokenizer have no text"
    tokens = format.tokenizer(captions, format.words).unsqueeze(1)
    device = next((p.device for p in objective.parameters()), torch.device("cpu"))
    spans = range(0, len(tokens), batch_size)
    parts = [objective.embed(Batch(text=tokens[start : start + batch_size].to(device)))["text"] for start in spans]
    return Vectors(torch.cat(parts).float().cpu(), (tokens >= 0).flatten(1).any(1), tuple(captions))
