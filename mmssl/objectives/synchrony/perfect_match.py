"""Perfect Match: which of the sounds of this clip belongs to this fifth of a second of picture?

Chung, Chung and Kang 2019, "Perfect Match: Improved Cross-modal Embeddings for Audio-visual Synchronisation" (ICASSP),
section 3.2: one over the Euclidean distance is the logit. `ScaledCosine` is that of Nagrani et al. 2020, "Disentangled
Speech Embeddings using Cross-modal Self-supervision" (ICASSP).

Departures: the candidates of a window are the sounds of all windows of its clip that do not overlap its own, as many
as there are, instead of a fixed number of drawn ones; windows are of whole pictures, not of tracked mouths. The towers
are arguments; the paper's are those of SyncNet, in `encoders/`.
"""

import torch
from torch import Tensor, nn

from mmssl.batch import Batch
from mmssl.distributed import mean
from mmssl.encoder import Encoder
from mmssl.modules.sync_learner import SyncLearner
from mmssl.objective import Terms


def n_way(logits: Tensor, apart: Tensor) -> Tensor:
    """`-log(exp s_ww / (exp s_ww + sum over v of exp s_wv))` of each window; with N equal logits, ln N.

    Args:
        logits: `[..., W, W]` of pictures (rows) and sounds (columns) of one clip; true pairs are on the diagonal.
        apart: `[..., W, W]` bool, the sounds v that a picture is to be told from.

    Returns:
        `[..., W]`; 0 where there are none.
    """
    own = torch.eye(logits.shape[-1], dtype=torch.bool, device=logits.device)
    among = logits.masked_fill(~(apart | own), float("-inf"))
    return among.logsumexp(-1) - logits.diagonal(dim1=-2, dim2=-1)


class InverseDistance(nn.Module):
    """One over the distance of the vectors as they are."""

    unit = False

    def forward(self, distance: Tensor) -> Tensor:
        """Distances to logits of the same shape."""
        return 1 / distance


class ScaledCosine(nn.Module):
    """`w cos` of unit vectors, w learnt; cos is 1 - d^2 / 2. The paper's bias cancels in a softmax.

    Args:
        scale: w at the start.
    """

    unit = True

    def __init__(self, scale: float = 10.0) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))

    def forward(self, distance: Tensor) -> Tensor:
        """Distances to logits of the same shape."""
        return self.scale * (1 - distance.square() / 2)


class PerfectMatch(SyncLearner):
    """N-way choice among the sounds of a clip.

    Args:
        video: encoder that makes of T frames one place in time for each window of frames (stride 1, no padding).
        audio: encoder of `seconds` of sound; it has a `sample_rate`, and as many features as the video's.
        seconds: of sound to a window: those of its frames.
        score: distances to logits.
        nearest: seconds between a picture and another sound at least, so that they do not overlap.
        farthest: at most.
        step: `sync_step`, seconds between two frames.
        augment: of the video, when training: `(video, seed) -> video`.
        audio_augment: of the sound, likewise.

    Raises:
        UsageError: the encoders have not as many features.
    """

    def __init__(
        self,
        *,
        video: Encoder,
        audio: Encoder,
        seconds: float = 0.2,
        score: InverseDistance | ScaledCosine | None = None,
        nearest: float = 0.2,
        farthest: float = 2.0,
        step: float = 0.04,
        augment: nn.Module | None = None,
        audio_augment: nn.Module | None = None,
    ) -> None:
        score, augments = score or InverseDistance(), (augment, audio_augment)
        super().__init__(video=video, audio=audio, seconds=seconds, unit=score.unit, step=step, augments=augments)
        self.score, self.nearest, self.farthest = score, nearest, farthest

    def forward(self, batch: Batch) -> tuple[Tensor, Terms]:
        """The cross-entropy; terms: accuracy, top 1 among the sounds, and how many there are."""
        pairs = self.pairs(batch)
        logits, apart = self.score(pairs.distances()), pairs.at.apart(self.nearest, self.farthest)
        keep = apart.any(2)
        rival = logits.masked_fill(~apart, float("-inf")).amax(2)
        right = logits.diagonal(dim1=1, dim2=2) > rival
        terms = {"accuracy": mean(right.float(), keep), "sounds": mean(apart.sum(2) + 1.0, keep)}
        return mean(n_way(logits, apart), keep), {name: term.detach() for name, term in terms.items()}
