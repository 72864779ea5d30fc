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

from mmssl.batch import Batch, Modality
from mmssl.distributed import mean
from mmssl.encoder import Encoder
from mmssl.errors import UsageError
from mmssl.modules.frame_sound import along_time
from mmssl.modules.sync_vectors import SyncPairs, place_scores, sync_pairs
from mmssl.modules.sync_windows import SyncWindows
from mmssl.modules.when_training import WhenTraining
from mmssl.objective import Objective, Terms


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


class PerfectMatch(Objective):
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

    synchronous = True
    comparable = False
    chunk: int | None = 0

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
        if video.dim != audio.dim:
            raise UsageError(f"PerfectMatch needs as many features of video ({video.dim}) as of audio ({audio.dim})")
        super().__init__({"video": video, "audio": audio}, {"video": nn.Identity(), "audio": nn.Identity()})
        self.augment, self.audio_augment = WhenTraining(augment), WhenTraining(audio_augment)
        self.score = score or InverseDistance()
        self.windows = SyncWindows(seconds, int(audio.sample_rate), self.score.unit)  # type: ignore[arg-type]
        self.nearest, self.farthest, self.sync_step = nearest, farthest, step

    def forward(self, batch: Batch) -> tuple[Tensor, Terms]:
        """The cross-entropy; terms: accuracy, top 1 among the sounds, and how many there are."""
        pairs = self._pairs(batch)
        logits, apart = self.score(pairs.distances()), pairs.at.apart(self.nearest, self.farthest)
        keep = apart.any(2)
        rival = logits.masked_fill(~apart, float("-inf")).amax(2)
        right = logits.diagonal(dim1=1, dim2=2) > rival
        terms = {"accuracy": mean(right.float(), keep), "sounds": mean(apart.sum(2) + 1.0, keep)}
        return mean(n_way(logits, apart), keep), {name: term.detach() for name, term in terms.items()}

    def sync_distances(self, batch: Batch, reach: int) -> Tensor:
        """`[B, W, 2 reach + 1]` distances to the sound k `sync_step` later, k from -reach on; nan outside the clip."""
        pairs = self._pairs(batch)
        return pairs.at.at_shifts(pairs.distances(), self.sync_step, reach)

    def features(self, batch: Batch, modality: Modality) -> tuple[Tensor, Tensor | None]:
        """As of every objective, of sound window after window."""
        if modality != "audio":
            return super().features(batch, modality)
        sound = nn.Sequential(self.encoders["audio"], self.heads["audio"])
        return along_time(sound, self.windows.pieces(batch.audio)), None

    def pair_scores(self, batch: Batch) -> Tensor:
        """`[B, B]`, minus the mean distance of one clip's windows (rows) to another's sound at the same time."""
        return self._pairs(batch).across_clips()

    def heat(self, batch: Batch) -> Tensor:
        """`[B, W, H', W']`, minus the distance of each place to the sound of its window."""
        return place_scores(self, self.windows, batch)

    def _pairs(self, batch: Batch) -> SyncPairs:
        return sync_pairs(self, self.windows, batch, (self.augment, self.audio_augment))
