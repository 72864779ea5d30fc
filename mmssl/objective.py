"""`Objective`, what is learnt: it turns a batch into a loss and owns everything that the loss needs."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmssl.batch import Batch, Modality
from mmssl.encoder import Encoder
from mmssl.errors import UsageError

Terms = dict[str, Tensor]  # scalars to log, detached


class Objective(nn.Module):
    """Encoders, heads, temperature, queues and teachers of one system, and its loss.

    Attributes:
        encoders: modality to `Encoder`.
        heads: modality to a map of features into the shared space, applied at each place: `[..., D]` to `[..., E]`; the
            features of a modality without one are in it already.
        refresh_every: steps between two calls of `refresh`, or None.
        synchronous: whether it learns from picture and sound of the same instant, so that a decoder that shifts one of
            them is refused.
        chunk: clips that pass the encoders at once, 0 for all (`modules/cached_gradient`); None if it needs them all.
        comparable: whether `embed` puts the modalities in one space, so that retrieval between them means something.
    """

    encoders: nn.ModuleDict
    heads: nn.ModuleDict
    refresh_every: int | None = None
    synchronous: bool = False
    chunk: int | None = None
    comparable: bool = True

    def __init__(self, encoders: dict[Modality, Encoder], heads: dict[Modality, nn.Module]) -> None:
        super().__init__()
        for modality, encoder in encoders.items():
            kind = type(encoder).__name__
            if not isinstance(encoder, Encoder):
                raise UsageError(f"the encoder of {modality} is a {kind}; make it a class of mmssl.encoder.Encoder")
            if getattr(encoder, "modality", modality) != modality:
                raise UsageError(f"the encoder of {modality} is a {kind}, which reads {encoder.modality}")
        self.encoders, self.heads = nn.ModuleDict(dict(encoders.items())), nn.ModuleDict(dict(heads.items()))

    def forward(self, batch: Batch) -> tuple[Tensor, Terms]:
        """The loss, a scalar whose mean over processes is the loss of all their clips, and scalars to log."""
        raise NotImplementedError

    def after_step(self, progress: float) -> None:
        """Moving teachers and schedules, after each optimizer step; progress runs from 0 to 1."""

    def refresh(self, batches: Iterable[Batch]) -> None:
        """All training clips in order, before the first step and every `refresh_every`; clustering.

        A parameter that it writes begins anew: the optimizer forgets its moments, and averages start from it.
        """

    def units(self) -> list[nn.Module]:
        """Parts that may be recomputed or sharded one by one: those of its encoders."""
        found = [block for encoder in self.encoders.values() for block in encoder.units()]  # type: ignore[operator]
        return list(dict.fromkeys(found))

    def encoded(self, batch: Batch, modality: Modality) -> tuple[Tensor, Tensor | None]:
        """The encoder's map `[B, *grid, D]`, before the head, with its mask; of the first caption for text."""
        encoder, inputs = self.encoders[modality], getattr(batch, modality)
        inputs = inputs[:, 0] if modality == "text" else inputs
        grid: Tensor = encoder(inputs)
        if grid.ndim < 3 or grid.shape[-1] != encoder.dim:
            wanted = f"[B, *grid, D] with its dim, {encoder.dim}, last; one vector a clip is [B, 1, ..., 1, D]"
            raise UsageError(f"{type(encoder).__name__} gave {list(grid.shape)}; an encoder gives {wanted}")
        return grid, encoder.mask(inputs)  # type: ignore[operator]

    def features(self, batch: Batch, modality: Modality) -> tuple[Tensor, Tensor | None]:
        """The map in the shared space `[B, *grid, E]`, not normalized, with its mask."""
        grid, mask = self.encoded(batch, modality)
        return self.heads[modality](grid) if modality in self.heads else grid, mask

    def embed(self, batch: Batch) -> dict[Modality, Tensor]:
        """One unit vector a clip, `[B, E]`, for each modality that both the batch and this objective have."""
        embeddings: dict[Modality, Tensor] = {}
        for modality in (m for m in batch.modalities if m in self.encoders):
            grid, mask = self.features(batch, modality)
            embeddings[modality] = functional.normalize(self.encoders[modality].pool(grid, mask).float(), dim=-1)  # type: ignore[operator]
        return embeddings

    def maps(self, batch: Batch) -> dict[Modality, Tensor]:
        """One unit vector a place, `[B, *grid, E]`."""
        present = [m for m in batch.modalities if m in self.encoders]
        return {m: functional.normalize(self.features(batch, m)[0].float(), dim=-1) for m in present}

    def pair_scores(self, batch: Batch) -> Tensor:
        """`[B, B]`, higher where video (rows) and audio (columns) correspond more; the cosine unless overridden.

        Raises:
            UsageError: their spaces are not comparable, and nothing else scores them.
        """
        self._demand_one_space()
        embeddings = self.embed(batch)
        return embeddings["video"] @ embeddings["audio"].T

    def heat(self, batch: Batch) -> Tensor:
        """`[B, T', H', W']`, higher at places of the video that go with the clip's own sound; the cosine by default.

        Raises:
            UsageError: as of `pair_scores`.
        """
        self._demand_one_space()
        sound = self.embed(Batch(audio=batch.audio))["audio"]
        places = functional.normalize(self.features(batch, "video")[0].float(), dim=-1)
        return torch.einsum("b...e,be->b...", places, sound)

    def _demand_one_space(self) -> None:
        if not self.comparable:
            raise UsageError(f"{type(self).__name__} does not put picture and sound into one space to compare them in")
