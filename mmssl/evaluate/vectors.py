"""One unit vector a held-out recording and modality, with the words they were found by."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mmssl.batch import Batch
from mmssl.data.candidates import candidates
from mmssl.data.clips import OpenClips
from mmssl.data.skipped import Skipped
from mmssl.errors import EvaluationError
from mmssl.evaluate.held_out import held_out
from mmssl.objective import Objective


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
        labels: of the recordings, "" where there is none.
        captions: of the recordings, all that each has, in any language.
        left_out: recordings that could not be read.
    """

    vectors: dict[str, Vectors]
    index: Tensor
    labels: tuple[str, ...]
    captions: tuple[frozenset[str], ...]
    left_out: int


def caption_of(opened: OpenClips, index: int, start: float, seed: int, language: str) -> str:
    """The words of one clip's first caption, as the loader chose them; "" if there are none."""
    settings = opened.settings
    span = (start, start + settings.seconds)
    chosen = candidates(opened.recordings[index].captions, span, settings.captions, language, seed)
    return chosen[0] if chosen else ""


def languages_of(opened: OpenClips, index: Sequence[int]) -> tuple[str, ...]:
    """Those in which recordings are captioned, sorted; empty unless there are several."""
    found = {caption.language for number in index for caption in opened.recordings[number].captions} - {""}
    return tuple(sorted(found)) if len(found) > 1 else ()


def embed_held_out(
    objective: Objective,
    opened: OpenClips,
    *,
    batch_size: int = 32,
    limit: int = 0,
    workers: int = 0,
    languages: Sequence[str] | None = None,
) -> HeldOut:
    """Embed the middle of every recording in every modality, and its captions once more in each language.

    Args:
        objective: in eval mode.
        opened: from `middle`.
        batch_size: clips at once.
        limit: recordings at most; 0 takes all.
        workers: processes that decode.
        languages: to look at one by one; None finds those of the captions unless the clips name one.

    Raises:
        EvaluationError: no recording could be read.
    """
    skipped = Skipped(limit=1.0)
    rows: dict[str, list[Tensor]] = {}
    valid: dict[str, list[Tensor]] = {}
    places: list[tuple[int, float, int]] = []  # recording, start, seed
    for batch in held_out(objective, opened, batch_size, limit=limit, workers=workers, skipped=skipped):
        for modality, embeddings in objective.embed(batch).items():
            rows.setdefault(modality, []).append(embeddings.float().cpu())
            valid.setdefault(modality, []).append(batch.valid(modality).cpu())
        places.extend(zip(batch.index.tolist(), batch.start.tolist(), batch.seed.tolist(), strict=True))
    if not places:
        raise EvaluationError(f"none of the {len(opened)} recordings could be read; look at `mmssl probe`")
    numbers = [number for number, _, _ in places]
    vectors = {modality: Vectors(torch.cat(parts), torch.cat(valid[modality])) for modality, parts in rows.items()}
    if "text" in vectors:
        text, language = vectors["text"], opened.settings.language
        words = tuple(caption_of(opened, *place, language) for place in places)
        vectors["text"] = Vectors(text.embeddings, text.valid, words)
        found = languages_of(opened, numbers) if languages is None and not language else languages or ()
        for name in found:
            vectors[f"text.{name}"] = _in_language(objective, opened, places, name, batch_size)
    recordings = [opened.recordings[number] for number in numbers]
    labels = tuple(recording.label for recording in recordings)
    captions = tuple(frozenset(caption.text for caption in recording.captions) for recording in recordings)
    return HeldOut(vectors, torch.tensor(numbers), labels, captions, len(skipped.reasons))


def _in_language(
    objective: Objective, opened: OpenClips, places: Sequence[tuple[int, float, int]], language: str, batch_size: int
) -> Vectors:
    """The captions of one language alone; nothing is decoded for them."""
    settings = opened.settings
    captions = tuple(caption_of(opened, *place, language) for place in places)
    assert settings.tokenizer is not None, "clips without a tokenizer have no text"
    tokens = settings.tokenizer(captions, settings.words).unsqueeze(1)
    device = next((p.device for p in objective.parameters()), torch.device("cpu"))
    spans = range(0, len(tokens), batch_size)
    parts = [objective.embed(Batch(text=tokens[start : start + batch_size].to(device)))["text"] for start in spans]
    return Vectors(torch.cat(parts).float().cpu(), (tokens >= 0).flatten(1).any(1), captions)
