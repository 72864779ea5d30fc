"""AVID-CMA: is this memory of a sound that of this film's recording, this one of a film that of one much like it?

Morgado, Vasconcelos and Misra 2021, "Audio-Visual Instance Discrimination with Cross-Modal Agreement" (CVPR), sections
3 and 4: first each film is told from 1024 others by memories of their sounds, and the other way round (AVID, equations
3 to 5); then also by memories of its own modality, where recordings that are alike in both are positives (CMA,
equations 8 and 9).

Departures: one training has both parts, where the paper begins the second from the first's weights; memories are
written after the step, so that a batch has one loss; a recording is not its own negative in the second part either;
the heads' layers have batch normalization. Without it all vectors of a modality lay in one narrow cone from the start,
and the two cones turned away from each other and stayed so, as only scores between them are compared: what is near
within a modality then said little, and agreement had nothing to find. Scores within a modality have a Z of their own,
that of the first batch that has them, where the authors' code keeps the first part's: vectors of one modality are more
alike than those of two, and with that Z the second part undid the first.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmssl.batch import Batch, Modality
from mmssl.distributed import gather, mean
from mmssl.encoder import Encoder
from mmssl.errors import UsageError
from mmssl.modules.cached_gradient import in_chunks
from mmssl.modules.memory import MemoryBank, agreeing, negatives
from mmssl.modules.precision import full_precision
from mmssl.modules.row_norm import RowNorm
from mmssl.modules.spaces import Head
from mmssl.modules.when_training import WhenTraining
from mmssl.objective import Objective, Terms

_NEGATIVES = 161  # stream of draws


def noise_contrast(positive: Tensor, negative: Tensor, partition: Tensor) -> Tensor:
    """Equation 2: is a memory of the data or of the noise?

    `-mean over p of log(e^p / (e^p + K Z)) - sum over n of log(K Z / (e^n + K Z))`; with all scores equal to log Z it
    is `log(1 + K) + K log(1 + 1 / K)`.

    Args:
        positive: `[B, P]` scores over the temperature.
        negative: `[B, K]`.
        partition: scalar, Z.

    Returns:
        `[B]`.
    """
    noise = (negative.shape[1] * partition).log()
    return functional.softplus(noise - positive).mean(1) + functional.softplus(negative - noise).sum(1)


@dataclass(frozen=True)
class Agreement:
    """The second part (CMA).

    Attributes:
        positives: recordings that are most alike.
        negatives: of memories of the same modality; the first so many of all.
        begin: progress at which it begins; positives are found at the next `refresh`.
        refresh_every: steps between two searches for positives; the paper's is five epochs.
    """

    positives: int = 32
    negatives: int = 64
    begin: float = 0.5
    refresh_every: int = 1000


class AVIDCMA(Objective):
    """Video and audio against memories of all recordings.

    Args:
        video: its encoder.
        audio: likewise.
        recordings: of the data, or more; each needs 8 E bytes.
        dim: E.
        hidden: units of both hidden layers of the heads.
        negatives: K.
        temperature: of scores.
        momentum: of memories.
        agreement: the second part; None for AVID alone.
        augments: of video and audio, when training: `(inputs, seed) -> inputs`.

    Raises:
        UsageError: too few recordings for those that agree; in `forward`, for the one that came.
    """

    chunk: int | None = 0
    partition: Tensor
    progress: Tensor
    positives: Tensor

    def __init__(
        self,
        *,
        video: Encoder,
        audio: Encoder,
        recordings: int = 4096,
        dim: int = 128,
        hidden: int = 512,
        negatives: int = 1024,
        temperature: float = 0.07,
        momentum: float = 0.5,
        agreement: Agreement | None = Agreement(),
        augments: tuple[nn.Module | None, nn.Module | None] = (None, None),
    ) -> None:
        given: dict[Modality, Encoder] = {"video": video, "audio": audio}
        super().__init__(given, {m: _head(e.dim, hidden, dim) for m, e in given.items()})
        self.negatives, self.temperature, self.agreement = negatives, temperature, agreement
        self.refresh_every = None if agreement is None else agreement.refresh_every
        kept = agreement.positives if agreement else 0
        if recordings < kept + 2:
            raise UsageError(f"{recordings} recordings are too few for {kept} that agree; take more or no agreement")
        self.memories = nn.ModuleDict({m: MemoryBank(recordings, dim, momentum, n) for n, m in enumerate(given)})
        self.register_buffer("partition", torch.full((2,), -1.0))  # Z across and within modalities, not yet known
        self.register_buffer("progress", torch.tensor(0.0))
        self.register_buffer("positives", torch.full((recordings, kept), -1))
        self.augments = nn.ModuleDict({m: WhenTraining(a) for m, a in zip(given, augments, strict=True)})
        self._seen: list[tuple[MemoryBank, Tensor, Tensor, Tensor]] = []  # arguments of `write`

    def forward(self, batch: Batch) -> tuple[Tensor, Terms]:
        """Terms: both parts' losses and accuracy (own memory above all negatives, both ways)."""
        recordings = len(self.positives)
        if int(batch.index.max()) >= recordings:
            raise UsageError(f"recording {int(batch.index.max())} came, but recordings is {recordings}; set it higher")
        features = in_chunks(self._represent, (batch,), self.chunk or 0)
        vectors = {m: self._vectors(m, rows, _valid(batch, m)) for m, rows in features.items()}
        if self.training:
            self._seen += [(self._memory(m), v.detach(), batch.index, _valid(batch, m)) for m, v in vectors.items()]
        own, alike = batch.index.unsqueeze(1), self.positives[batch.index]
        agreed = self.agreement is not None and bool((self.positives[0, 0] >= 0).item())
        excluded = torch.cat([own, alike], 1) if agreed else own
        others = negatives(batch.seed, _NEGATIVES, self.negatives, recordings, excluded)
        keep = batch.valid("video") & batch.valid("audio")
        across = {m: self._scores(vectors[m], o, (own, others)) for m, o in (("video", "audio"), ("audio", "video"))}
        parts = {"across": self._part(across, keep, self.partition[:1])}
        if agreed:
            near = others[:, : self.agreement.negatives]  # type: ignore[union-attr]
            within = {m: self._scores(vectors[m], m, (alike, near)) for m in vectors}
            parts["within"] = self._part(within, keep, self.partition[1:])
        right = torch.stack([(p.amax(1) > n.amax(1)).float() for p, n in across.values()]).mean(0)
        terms = {name: part.detach() for name, part in parts.items()} | {"accuracy": mean(right, keep)}
        return torch.stack([*parts.values()]).mean(), terms

    def _represent(self, batch: Batch) -> dict[str, Tensor]:
        """`[B, D]` of both."""
        return {m: self._pooled(m, self.augments[m](getattr(batch, m), batch)) for m in self.encoders}

    def _pooled(self, modality: str, inputs: Tensor) -> Tensor:
        encoder = self.encoders[modality]
        pooled: Tensor = encoder.pool(encoder(inputs))  # type: ignore[operator]
        return pooled

    def _vectors(self, modality: str, pooled: Tensor, valid: Tensor | None = None) -> Tensor:
        """`[B, D]` to `[B, E]` unit vectors; with the batch's own statistics where `valid` tells which are there."""
        return functional.normalize(self.heads[modality](pooled, valid).float(), dim=-1)

    def _memory(self, modality: str) -> MemoryBank:
        memory: MemoryBank = self.memories[modality]  # type: ignore[assignment]
        return memory

    def _scores(self, vectors: Tensor, modality: str, numbers: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """With memories of a modality by numbers `[B, P]` and `[B, K]`, over the temperature."""
        memory = self._memory(modality)
        with full_precision(vectors):  # e^14 is what a sum of them must hold
            one, other = (torch.einsum("be,bke->bk", vectors, memory.rows[n]) / self.temperature for n in numbers)
        return one, other

    def _part(self, scores: dict[str, tuple[Tensor, Tensor]], keep: Tensor, partition: Tensor) -> Tensor:
        """The mean of both ways."""
        _settle(partition, torch.cat([negative for _, negative in scores.values()], 1), keep)
        partition = torch.where(partition > 0, partition, 1)
        losses = [noise_contrast(positive, negative, partition) for positive, negative in scores.values()]
        return mean(torch.stack(losses).mean(0), keep)

    def after_step(self, progress: float) -> None:
        """Memories are written."""
        for memory, *written in self._seen:
            memory.write(*written)
        self._seen.clear()
        self.progress.fill_(progress)

    def refresh(self, batches: Iterable[Batch]) -> None:
        """From the memories alone, the recordings that agree."""
        if self.agreement is not None and self.progress >= self.agreement.begin:
            one, other = (self._memory(m).rows for m in ("video", "audio"))
            self.positives.copy_(agreeing(one, other, self.agreement.positives))

    def embed(self, batch: Batch) -> dict[Modality, Tensor]:
        """One unit vector a clip; the heads are of pooled features, as trained."""
        there = [m for m in batch.modalities if m in self.encoders]
        return {m: self._vectors(m, self._pooled(m, getattr(batch, m))) for m in there}


@torch.no_grad()
def _settle(partition: Tensor, negative: Tensor, keep: Tensor) -> None:
    """Z, `[1]`, is the mean of e^n over the first batch of all processes that has such scores, and stays."""
    sums = torch.stack([negative.exp().mean(1).masked_fill(~keep, 0).sum(), keep.sum()])
    total, count = gather(sums.unsqueeze(0)).sum(0)
    first = (partition < 0) & (count > 0)
    partition.copy_(torch.where(first, total / count.clamp(min=1), partition))


def _valid(batch: Batch, modality: str) -> Tensor:
    return batch.valid(modality)  # type: ignore[arg-type]


def _head(width: int, hidden: int, dim: int) -> Head:
    layers = [(nn.Linear(a, b, bias=False), RowNorm(b), nn.ReLU()) for a, b in pairwise((width, hidden, hidden, dim))]
    return Head(*[layer for three in layers for layer in three][:-1])
