"""InfoNCE: which sound, picture or text of all processes' clips belongs to this clip?

van den Oord, Li and Vinyals 2018, "Representation Learning with Contrastive Predictive Coding", equation 4;
symmetric between modalities as Radford et al. 2021, "Learning Transferable Visual Models From Natural Language
Supervision" (CLIP), figure 3. Several positives: the mean of their log-probabilities, Khosla et al. 2020, "Supervised
Contrastive Learning", equation 2 (L_out), each counted once in the denominator.

Departures: clips of one group (one recording), and clips that share a caption when text is compared, are neither
positives nor negatives; missing modalities leave rows and columns; the video's score may be a maximum over places.
"""

import math
from collections.abc import Mapping
from itertools import combinations

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmssl.batch import MODALITIES, Batch, Modality
from mmssl.distributed import mean
from mmssl.encoder import Encoder
from mmssl.errors import UsageError
from mmssl.modules.cached_gradient import in_chunks
from mmssl.modules.contrast import Contrast, contrast
from mmssl.modules.heads import projection
from mmssl.modules.negatives import caption_keys, group_keys, text_valid
from mmssl.modules.scores import PairScore, Pooled
from mmssl.modules.temperature import Temperature
from mmssl.modules.tiles import Side
from mmssl.modules.when_training import WhenTraining
from mmssl.objective import Objective, Terms


def info_nce(pairs: Contrast) -> Tensor:
    """`-1/|P| sum over p in P of log(exp s_p / sum over j of exp s_j)`, the mean of rows' and columns' means.

    P are the true pairs of a row or column, the sum is over all that count; rows and columns without a true pair are in
    no mean. A scalar whose mean over processes is the loss of all clips; with N equal scores, log N.
    """
    true = pairs.own != -math.inf
    by_row = (pairs.rows.unsqueeze(1) - pairs.own).masked_fill(~true, 0).sum(1) / true.sum(1).clamp(min=1)
    return (mean(by_row, true.any(1)) + mean(pairs.columns - pairs.own, true)) / 2


def accuracy(pairs: Contrast) -> Tensor:
    """Share of rows, and of columns, whose best true pair is above all negatives, the mean of both; a tie is wrong."""
    true = pairs.own != -math.inf
    rows, columns = pairs.own.amax(1) > pairs.row_rival, pairs.own > pairs.column_rival
    return (mean(rows.float(), true.any(1)) + mean(columns.float(), true)) / 2


class InfoNCE(Objective):
    """Video, audio and text, any two or all three, in one space.

    All C captions of a clip are its positives; ask the loader for one to have one.

    Args:
        video: its encoder, or None.
        audio: likewise.
        text: likewise.
        dim: E of the shared space; 0 for encoders that share one already, such as the towers of CLIP.
        hidden: units of the heads' hidden layer; 0 is linear.
        temperature: at the start; each pair learns its own.
        score: of pairs with video.
        weights: of pairs, like `{"video_audio": 2}`; 1 if absent, 0 leaves it out; the loss is the weighted mean.
        augment: of video, when training: `(video, seed) -> video`.
        audio_augment: of audio, likewise.

    Raises:
        UsageError: fewer than two encoders, a weight of a pair that does not exist, or dim 0 for encoders that differ.

    Example:
        `InfoNCE(video=r2plus1d_18(), audio=AudioResNet(), dim=256, score=MaxOverPlaces())`
    """

    chunk: int | None = 0

    def __init__(
        self,
        *,
        video: Encoder | None = None,
        audio: Encoder | None = None,
        text: Encoder | None = None,
        dim: int = 128,
        hidden: int = 0,
        temperature: float = 0.07,
        score: PairScore | None = None,
        weights: Mapping[str, float] | None = None,
        augment: nn.Module | None = None,
        audio_augment: nn.Module | None = None,
    ) -> None:
        given: dict[Modality, Encoder | None] = {"video": video, "audio": audio, "text": text}
        encoders = {modality: encoder for modality, encoder in given.items() if encoder is not None}
        if not dim and len({encoder.dim for encoder in encoders.values()}) > 1:
            sizes = ", ".join(f"{encoder.dim} for {modality}" for modality, encoder in encoders.items())
            raise UsageError(f"InfoNCE without heads (dim 0) needs features of one size, not {sizes}; give it a dim")
        super().__init__(encoders, {m: projection(encoder.dim, dim, hidden) for m, encoder in encoders.items()})
        pairs = {f"{first}_{second}": 1.0 for first, second in combinations(encoders, 2)}
        if not pairs:
            raise UsageError("InfoNCE needs at least two of video, audio and text: give it a second encoder")
        if unknown := set(weights or {}) - set(pairs):
            raise UsageError(f"InfoNCE has no pair {', '.join(sorted(unknown))} to weigh; it has {', '.join(pairs)}")
        self.weights = {pair: weight for pair, weight in {**pairs, **(weights or {})}.items() if weight > 0}
        if not self.weights:
            raise UsageError("InfoNCE has only pairs of weight 0: give one of them a weight above 0")
        self.temperatures = nn.ModuleDict({pair: Temperature(temperature) for pair in self.weights})
        self.score: PairScore = score or Pooled()
        self.augments = nn.ModuleDict({"video": WhenTraining(augment), "audio": WhenTraining(audio_augment)})

    def forward(self, batch: Batch) -> tuple[Tensor, Terms]:
        """Terms: each pair's loss, accuracy (top 1 among the clips of all processes, both ways), temperature."""
        return self.loss(in_chunks(self.represent, (batch,), self.chunk or 0), batch)

    def represent(self, batch: Batch) -> dict[str, Tensor]:
        """Unit vectors of each clip, `[B, E]`, of text `[B, C, E]`; `video_places` where the score reads them."""
        vectors: dict[str, Tensor] = {}
        for modality in (m for m in MODALITIES if m in self.encoders):
            inputs = getattr(batch, modality)
            if modality in self.augments:
                inputs = self.augments[modality](inputs, batch)
            captions = inputs.shape[:2]
            inputs = inputs.flatten(0, 1).unsqueeze(1) if modality == "text" else inputs
            places, mask = self.features(Batch(**{modality: inputs}), modality)
            vectors[modality] = _unit(self.encoders[modality].pool(places, mask))  # type: ignore[operator]
            if modality == "text":
                vectors[modality] = vectors[modality].reshape(*captions, -1)
            if modality == "video" and self.score.reads_places:
                vectors["video_places"] = _unit(places)
        return vectors

    def loss(self, vectors: dict[str, Tensor], batch: Batch) -> tuple[Tensor, Terms]:
        """From what `represent` gives."""
        losses: list[Tensor] = []
        terms: Terms = {}
        for pair, weight in self.weights.items():
            first, second = pair.split("_")
            temperature: Temperature = self.temperatures[pair]  # type: ignore[assignment]
            rows, columns = self._sides(vectors, batch, first, second)
            pairs = contrast(self._score(first), rows, columns, temperature())
            loss = info_nce(pairs)
            losses.append(weight * loss)
            terms |= {f"{pair}_loss": loss.detach(), f"{pair}_accuracy": accuracy(pairs)}
            terms[f"{pair}_temperature"] = temperature.value
        return torch.stack(losses).sum() / sum(self.weights.values()), terms

    def after_step(self, progress: float) -> None:
        """Temperatures return within their bound."""
        for temperature in self.temperatures.values():
            temperature.bound()  # type: ignore[operator]

    def pair_scores(self, batch: Batch) -> Tensor:
        """`[B, B]` scores in [-1, 1] of video (rows) and audio (columns): the one that was trained."""
        vectors = self.represent(batch)
        return self._score("video")(*_read(vectors, "video"), vectors["audio"])

    def _score(self, first: str) -> PairScore:
        return self.score if first == "video" else Pooled()

    def _sides(self, vectors: dict[str, Tensor], batch: Batch, first: str, second: str) -> tuple[Side, Side]:
        """One row a clip and C columns, all captions of a clip for text."""
        row: Modality = first  # type: ignore[assignment]
        groups = group_keys(batch)
        if second == "text":
            row_keys, column_keys = caption_keys(batch, groups)
            columns, valid = vectors[second], text_valid(batch)
        else:
            row_keys, column_keys = groups, groups.unsqueeze(1)
            columns, valid = vectors[second].unsqueeze(1), batch.valid("audio").unsqueeze(1)
        return Side(_read(vectors, first), batch.valid(row), row_keys), Side((columns,), valid, column_keys)


def _unit(vectors: Tensor) -> Tensor:
    return functional.normalize(vectors.float(), dim=-1)


def _read(vectors: dict[str, Tensor], modality: str) -> tuple[Tensor, Tensor]:
    """Places, empty unless the score reads them, and the pooled vector."""
    return vectors.get(f"{modality}_places", vectors[modality].detach()[:, :0]), vectors[modality]
