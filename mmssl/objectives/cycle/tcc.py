"""TCC: a frame goes to its soft nearest neighbor in another film of the same action and must come home to itself.

Dwibedi, Aytar, Tompson, Sermanet and Zisserman 2019, "Temporal Cycle-Consistency Learning" (CVPR), section 3; numbers
of the authors' code.

Departures: where a film ends before its clip, the still end is in neither softmax; dropout takes one mask for all
frames of a clip, as a frame would come home by a mask of its own; the last layer has no bias, which no distance could
see; films of one action are those of one label (`PerLabel` puts several into a batch), and films without labels are
all of one action.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmssl.batch import Batch, Modality
from mmssl.distributed import gather, mean, rank
from mmssl.encoder import Encoder
from mmssl.modules import draws
from mmssl.modules.cached_gradient import in_chunks
from mmssl.modules.frame_distance import Similarity
from mmssl.modules.precision import full_precision
from mmssl.modules.true_length import true_lengths
from mmssl.modules.when_training import WhenTraining
from mmssl.objective import Objective, Terms
from mmssl.objectives.cycle.cycle_back import CycleLoss, Regression, home
from mmssl.objectives.cycle.walks import AllPairs, Walk

_OFFSET, _DROPOUT = 300, 301  # streams of draws


@dataclass(frozen=True, kw_only=True)
class OffsetUniform:
    """Frames that cover a clip evenly from a random offset on, each with frames before it as context.

    Attributes:
        frames: N of a clip at most; one with fewer gives all of them.
        context: frames that the encoder sees for one, itself included.
        stride: frames of the clip from one of them to the next.
    """

    frames: int = 20
    context: int = 2
    stride: int = 15

    def __call__(self, seeds: Tensor, lengths: Tensor, most: int) -> tuple[Tensor, Tensor]:
        """`[B, N]` int64 of frames, ascending, and how many of them are there, `[B]`.

        Args:
            seeds: `[B]`.
            lengths: `[B]` frames of each clip.
            most: T, the longest that it can be.
        """
        counts, places = lengths.clamp(max=self.frames), torch.arange(min(self.frames, most), device=lengths.device)
        step = (lengths / counts.clamp(min=1)).unsqueeze(1)
        chosen = ((places + draws.uniform(seeds, _OFFSET)) * step).long()
        return chosen.minimum((lengths - 1).clamp(min=0).unsqueeze(1)), counts

    def seen(self, video: Tensor, chosen: Tensor) -> Tensor:
        """From `[B, T, 3, H, W]` and `[B, N]` frames, these with their context `[B, N * context, 3, H, W]`.

        Before the clip is its first frame.
        """
        back = self.stride * torch.arange(self.context - 1, -1, -1, device=chosen.device)
        rows = torch.arange(len(video), device=video.device).unsqueeze(1)
        return video[rows, (chosen.unsqueeze(2) - back).clamp(min=0).flatten(1)]


class FrameHead(nn.Module):
    """Two layers of `hidden` units with dropout before each, and a linear one: `[..., D]` to `[..., dim]`."""

    def __init__(self, width: int, hidden: int, dim: int, dropout: float) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(width, hidden), nn.Linear(hidden, hidden)
        self.out, self.dropout = nn.Linear(hidden, dim, bias=False), dropout
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """As the authors' framework draws them (Glorot and Bengio 2010): three times the variance of PyTorch's.

        By those all frames begin so near to each other that at this temperature no neighbor is nearer than another.
        """
        for layer in (self.first, self.second, self.out):
            nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(self.first.bias)
        nn.init.zeros_(self.second.bias)

    def forward(self, x: Tensor, seeds: Tensor | None = None) -> Tensor:
        """Features `[B, N, D]`, and `[B]` seeds when dropout is to be."""
        for number, layer in enumerate((self.first, self.second)):
            x = functional.relu(layer(self._dropped(x, seeds, number)))
        out: Tensor = self.out(x)
        return out

    def _dropped(self, x: Tensor, seeds: Tensor | None, number: int) -> Tensor:
        if seeds is None or not self.dropout:
            return x
        kept = draws.uniform(seeds, _DROPOUT + number, x.shape[2]) >= self.dropout
        return x * kept.unsqueeze(1) / (1 - self.dropout)


class TCC(Objective):
    """Temporal cycle consistency.

    Args:
        video: encoder of a frame with its context, `[B, context, 3, H, W]`; the maximum over its places is a frame.
        dim: E.
        hidden: units of the head's two layers.
        dropout: share of the head's inputs that is left out in training.
        unit: whether frames are of unit length, so that squared distances are twice those of cosines; not in the paper.
        sampling: which frames of a clip; `OffsetUniform()` when None.
        similarity: by which frames are nearest neighbors; `Similarity()` when None.
        loss: `Regression()` when None, `Classification()`, `MeanSquare()` or `Huber()`.
        walk: `AllPairs()` when None, or `Drawn(length)` for cycles over several films.
        augment: of a clip's frames, when training: `(video, seed) -> video`.
    """

    chunk: int | None = 0

    def __init__(
        self,
        *,
        video: Encoder,
        dim: int = 128,
        hidden: int = 512,
        dropout: float = 0.1,
        unit: bool = False,
        sampling: OffsetUniform | None = None,
        similarity: Similarity | None = None,
        loss: CycleLoss | None = None,
        walk: Walk | None = None,
        augment: nn.Module | None = None,
    ) -> None:
        super().__init__({"video": video}, {"video": FrameHead(video.dim, hidden, dim, dropout)})
        self.sampling, self.similarity = sampling or OffsetUniform(), similarity or Similarity()
        self.loss, self.walk = loss or Regression(), walk or AllPairs()
        self.augment, self.unit = WhenTraining(augment), unit

    def forward(self, batch: Batch) -> tuple[Tensor, Terms]:
        """Terms: how far from home cycles end on the mean, in lengths of a film; how many end at the very frame."""
        found = in_chunks(self._represent, (batch,), self.chunk or 0)
        frames, times, counts = found["frames"], found["times"], found["counts"]
        films, all_counts = gather(frames), gather(counts)
        places = torch.arange(frames.shape[1], device=frames.device)
        there = places < all_counts.unsqueeze(1)
        here = torch.arange(len(batch), device=frames.device) + rank() * len(batch)
        walks = self.walk(batch.seed, self._kin(batch, all_counts, here), counts, frames.shape[1])
        with full_precision(frames):
            x = frames[walks.home.unsqueeze(1), walks.frames]  # [P, Q, E]
            for film in walks.films.unbind(1):
                on = (film >= 0)[:, None, None]
                film = film.where(film >= 0, here[walks.home])  # there is something at home, whatever is not visited
                x = torch.where(on, self.similarity.nearest(x, films[film], there[film]), x)
            back = self.similarity.log_shares(x, frames[walks.home], there[here[walks.home]])  # [P, Q, N]
        times, begun = times[walks.home], walks.frames < counts[walks.home].unsqueeze(1)
        losses = self.loss(back, walks.frames, times)
        off = (home(back, times)[0] - times.gather(1, walks.frames)).abs()
        right = (back.argmax(2) == walks.frames).to(off.dtype)
        terms = {"distance": mean(off.detach(), begun), "accuracy": mean(right, begun)}
        return mean(losses, begun), terms

    def frames(self, batch: Batch) -> Tensor:
        """`[B, T, E]`: each frame with the context that it has in the clip, not normalized."""
        every = torch.arange(batch.video.shape[1], device=batch.video.device).expand(len(batch), -1)
        return self._embed(self.sampling.seen(batch.video, every), None)

    def features(self, batch: Batch, modality: Modality) -> tuple[Tensor, Tensor | None]:
        """As of every objective; the grid has time alone, since the head follows the maximum over places."""
        frames = self.frames(batch)
        return frames, torch.arange(frames.shape[1], device=frames.device) < true_lengths(batch).unsqueeze(1)

    def embed(self, batch: Batch) -> dict[Modality, Tensor]:
        """One unit vector a clip: the direction of the mean of its frames."""
        frames, there = self.features(batch, "video")
        return {"video": functional.normalize((frames.float() * there.unsqueeze(2)).sum(1), dim=-1)}  # type: ignore[union-attr]

    def _represent(self, batch: Batch) -> dict[str, Tensor]:
        """Of each clip by itself: chosen frames `[B, N, E]`, their times in lengths of the film, and their count."""
        lengths = true_lengths(batch)
        chosen, counts = self.sampling(batch.seed, lengths, batch.video.shape[1])
        video = self.augment(self.sampling.seen(batch.video, chosen), batch)
        frames = self._embed(video, batch.seed if self.training else None)
        return {"frames": frames.float(), "times": chosen / lengths.clamp(min=1).unsqueeze(1), "counts": counts}

    def _embed(self, video: Tensor, seeds: Tensor | None) -> Tensor:
        """`[B, N * context, 3, H, W]` to `[B, N, E]`."""
        stacks = video.unflatten(1, (-1, self.sampling.context))  # type: ignore[no-untyped-call]
        grid = self.encoders["video"](stacks.flatten(0, 1))
        pooled = grid.flatten(1, -2).amax(1)
        frames: Tensor = self.heads["video"](pooled.unflatten(0, stacks.shape[:2]), seeds)
        return functional.normalize(frames.float(), dim=-1) if self.unit else frames

    @staticmethod
    def _kin(batch: Batch, all_counts: Tensor, here: Tensor) -> Tensor:
        """`[B, M]` bool, which clips of all processes show the action of each, with frames to compare on both sides."""
        label = batch.label if "label" in batch else torch.zeros_like(batch.seed)
        alike = (label.unsqueeze(1) == gather(label)) & (all_counts[here] > 0).unsqueeze(1) & (all_counts > 0)
        return alike & (here.unsqueeze(1) != torch.arange(len(all_counts), device=here.device))
