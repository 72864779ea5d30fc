"""MIL-NCE: a clip goes with its bag of captions if one of them fits, none in particular.

Miech, Alayrac, Smaira, Laptev, Sivic and Zisserman 2020, "End-to-End Learning of Visual Representations from Uncurated
Instructional Videos" (CVPR), equation 1: the negatives of a clip are all other captions for this clip and all other
clips for its captions. Scores are plain inner products, without temperature.

Departures: clips of one group, and clips that share a caption, are no negatives of each other; `embed` gives unit
vectors, so that retrieval compares directions and not, as in training, lengths too.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from mmssl.batch import Batch, Modality
from mmssl.distributed import mean
from mmssl.encoder import Encoder
from mmssl.modules.cached_gradient import in_chunks
from mmssl.modules.contrast import Contrast, contrast
from mmssl.modules.heads import projection
from mmssl.modules.picture_text import caption_sides
from mmssl.modules.precision import full_precision
from mmssl.modules.scores import Pooled
from mmssl.modules.video_text import projected, unit_vectors
from mmssl.modules.when_training import WhenTraining
from mmssl.objective import Objective, Terms
from mmssl.objectives.contrastive.info_nce import accuracy


def mil_nce(pairs: Contrast) -> Tensor:
    """`-log(sum over own of exp s / (sum over own + sum over negatives of exp s))`, the mean over clips.

    Clips without a caption are in no mean. A scalar whose mean over processes is the loss of all clips; with N equal
    scores of one caption each, log(2N - 1).
    """
    own, row, column, there = _bags(pairs)
    # The row's sum and the columns' both have the true pairs in them, so once is once too often.
    highest = torch.maximum(row, column).detach()
    both = (row - highest).exp() + (column - highest).exp() - (own - highest).exp()
    return mean(both.log() + highest - own, there)


def mil_nce_as_released(pairs: Contrast) -> Tensor:
    """As `mil_nce`, with the true pairs twice in the denominator, once as row and once as columns.

    This is what the authors' public code computes by joining rows and columns; with N equal scores, log 2N.
    """
    own, row, column, there = _bags(pairs)
    return mean(torch.logaddexp(row, column) - own, there)


def _bags(pairs: Contrast) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Log-sum-exps `[B]` of a clip's true pairs, row and captions' columns, 0 if it has none; `[B]` bool, if any."""
    true = pairs.own != -math.inf
    there = true.any(1)
    bags = [
        values.masked_fill(~true, torch.finfo(values.dtype).min).logsumexp(1) for values in (pairs.own, pairs.columns)
    ]
    own, row, column = (bag.masked_fill(~there, 0) for bag in (bags[0], pairs.rows, bags[1]))
    return own, row, column, there


class MILNCE(Objective):
    """Video and a bag of captions, those that the loader found nearest in time: `Clips(captions=5)`.

    With one caption a clip it is the baseline of the paper.

    Args:
        video: its encoder; the paper's is S3D-G.
        text: likewise; the paper's is `TextWords` over frozen word2vec.
        dim: E of the shared space.
        loss: `mil_nce`, which is the paper's, or `mil_nce_as_released`.
        augment: of video, when training: `(video, seed) -> video`.
    """

    chunk: int | None = 0

    def __init__(
        self,
        *,
        video: Encoder,
        text: Encoder,
        dim: int = 512,
        loss: Callable[[Contrast], Tensor] = mil_nce,
        augment: nn.Module | None = None,
    ) -> None:
        super().__init__(
            {"video": video, "text": text}, {"video": projection(video.dim, dim), "text": projection(text.dim, dim)}
        )
        self.loss, self.augment = loss, WhenTraining(augment)

    def forward(self, batch: Batch) -> tuple[Tensor, Terms]:
        """Terms: accuracy, how often the best of a clip's own captions is above all others, and the other way round."""
        vectors = in_chunks(self.represent, (batch,), self.chunk or 0)
        rows, columns = caption_sides(vectors["video"], batch.valid("video"), vectors["text"], batch)
        with full_precision(vectors["video"]):  # inner products have no bound, and half precision few digits
            pairs = contrast(Pooled(), rows, columns, vectors["video"].new_ones(()))
        return self.loss(pairs), {"accuracy": accuracy(pairs)}

    def represent(self, batch: Batch) -> dict[str, Tensor]:
        """Of video `[B, E]`, of text `[B, C, E]`, of any length."""
        video = self.augment(batch.video, batch)
        return {"video": projected(self, video, "video"), "text": projected(self, batch.text, "text")}

    def embed(self, batch: Batch) -> dict[Modality, Tensor]:
        """One unit vector a clip, of its first caption for text."""
        return unit_vectors(self, batch)
