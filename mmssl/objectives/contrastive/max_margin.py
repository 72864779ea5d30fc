"""Max-margin ranking: a clip is nearer to its own caption than to any other, by a margin, and the other way round.

Miech, Zhukov, Alayrac, Tapaswi, Laptev and Sivic 2019, "HowTo100M: Learning a Text-Video Embedding by Watching Hundred
Million Narrated Video Clips" (ICCV), section 4: gated embedding units (equations 1 and 2), the loss (equation 3), and
half of the negatives from the same video, which are the hard ones.

Departures: true pairs, which in the public code add a constant to the mean, are left out; half of the weight is of
pairs within a video however many there are; clips that share a caption are no negatives; the encoders learn, where the
paper's are fixed; the units have no batch normalization, as in the paper and other than in its code.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmssl.batch import Batch, Modality
from mmssl.distributed import gather, mean, share
from mmssl.encoder import Encoder
from mmssl.modules.cached_gradient import in_chunks
from mmssl.modules.heads import GatedUnit
from mmssl.modules.negatives import caption_numbers, clips_and_groups, text_valid
from mmssl.modules.precision import full_precision
from mmssl.modules.video_text import projected, unit_vectors
from mmssl.modules.when_training import WhenTraining
from mmssl.objective import Objective, Terms


def hinges(scores: Tensor, of_rows: Tensor, of_columns: Tensor, margin: float) -> Tensor:
    """`[margin + s_ij - s_ii]+ + [margin + s_ij - s_jj]+`.

    Args:
        scores: `[R, N]` of clips and captions.
        of_rows: `[R]` scores of the clips with their own captions.
        of_columns: `[N]` scores of the captions with their own clips.
        margin: above 0.
    """
    return functional.relu(margin + scores - of_rows.unsqueeze(1)) + functional.relu(margin + scores - of_columns)


def weighed(values: Tensor, near: Tensor, far: Tensor, within: float) -> Tensor:
    """`within` times the mean of the `near` values plus the rest times that of the `far` ones, over all processes.

    Where there are none of one kind, all the weight is of the other.

    Args:
        values: `[R, N]`.
        near: `[R, N]` bool, pairs of one video.
        far: `[R, N]` bool, pairs of different videos.
        within: in [0, 1].
    """
    some_near, some_far = (gather(mask.any().reshape(1)).any() for mask in (near, far))
    weight = torch.where(some_near, torch.where(some_far, within, 1.0), 0.0).to(values)
    parts = [values.masked_fill(~mask, 0).sum() * share(mask).to(values.dtype) for mask in (near, far)]
    return weight * parts[0] + (1 - weight) * parts[1]


class MaxMargin(Objective):
    """Video and its nearest caption; ask the loader for several clips of a recording: `PerRecording(clips)`.

    The scores of all pairs are held, 16 MB for the paper's 32 x 64 clips.

    Args:
        video: its encoder.
        text: likewise; the paper's is `TextWords` over frozen word2vec.
        dim: E of the shared space; the paper has 4096.
        margin: m.
        within: share of the weight that pairs within a recording have.
        augment: of video, when training: `(video, seed) -> video`.
    """

    chunk: int | None = 0

    def __init__(
        self,
        *,
        video: Encoder,
        text: Encoder,
        dim: int = 256,
        margin: float = 0.1,
        within: float = 0.5,
        augment: nn.Module | None = None,
    ) -> None:
        heads: dict[Modality, nn.Module] = {"video": GatedUnit(video.dim, dim), "text": GatedUnit(text.dim, dim)}
        super().__init__({"video": video, "text": text}, heads)
        self.margin, self.within, self.augment = margin, within, WhenTraining(augment)

    def forward(self, batch: Batch) -> tuple[Tensor, Terms]:
        """Terms: accuracy, how often a clip's caption is above all others'; share of the pairs within a recording."""
        vectors = in_chunks(self.represent, (batch,), self.chunk or 0)
        video, text = vectors["video"], vectors["text"]
        with full_precision(video):  # a bfloat16 product is off by a tenth of the margin
            scores, own = video @ gather(text).T, (video * text).sum(1)
        near, far = self._negatives(batch)
        loss = weighed(hinges(scores, own, gather(own), self.margin), near, far, self.within)
        first = scores.masked_fill(~(near | far), -1).amax(1) < own
        counted = (near | far).any(1)
        inside = (near.sum(1) / (near | far).sum(1).clamp(min=1)).detach()
        return loss, {"accuracy": mean(first.float(), counted), "within": mean(inside, counted)}

    def represent(self, batch: Batch) -> dict[str, Tensor]:
        """Unit vectors `[B, E]` of video and of the first caption."""
        video = self.augment(batch.video, batch)
        both = projected(self, video, "video"), projected(self, batch.text[:, :1], "text").squeeze(1)
        return {name: functional.normalize(v, dim=-1) for name, v in zip(("video", "text"), both, strict=True)}

    def embed(self, batch: Batch) -> dict[Modality, Tensor]:
        """One unit vector a clip, of its first caption for text."""
        return unit_vectors(self, batch)

    @staticmethod
    def _negatives(batch: Batch) -> tuple[Tensor, Tensor]:
        """`[B, N]` bool, captions of other clips of the recording, and of other recordings, that say something else."""
        clip, group = clips_and_groups(batch)
        said = caption_numbers(batch.text[:, :1]).squeeze(1)
        there = batch.valid("video") & text_valid(batch)[:, 0]
        clips, groups, words, valid = (gather(t) for t in (clip, group, said, there))
        other = (clip.unsqueeze(1) != clips) & (said.unsqueeze(1) != words) & there.unsqueeze(1) & valid
        same = group.unsqueeze(1) == groups
        return other & same, other & ~same
