"""SyncNet: a fifth of a second of picture and its sound meet in one space, the sound of other moments stays away.

Chung and Zisserman 2016, "Out of Time: Automated Lip Sync in the Wild" (ACCV Workshops), section 2.3 (equations 1, 2).

Departures: instead of one drawn negative, each window of picture has the sounds of all moments of its clip that keep
the gap, and a true pair counts as often as its window is in false ones, so that both classes hold the same pictures
and the same sounds equally often; windows are of whole pictures, not of tracked mouths. The towers are arguments; the
paper's are in `encoders/`.
"""

from torch import Tensor, nn

from mmssl.batch import Batch, Modality
from mmssl.distributed import mean, share
from mmssl.encoder import Encoder
from mmssl.errors import UsageError
from mmssl.modules.frame_sound import along_time
from mmssl.modules.margin import margin_contrastive
from mmssl.modules.sync_vectors import SyncPairs, place_scores, sync_pairs
from mmssl.modules.sync_windows import SyncWindows
from mmssl.modules.when_training import WhenTraining
from mmssl.objective import Objective, Terms


def sync_loss(distance: Tensor, apart: Tensor, margin: float) -> Tensor:
    """`1 / 2N sum of y d^2 + (1 - y) max(m - d, 0)^2` over N pairs, half of them true.

    Args:
        distance: `[B, W, W]` of pictures (rows) and sounds (columns) of one clip; true pairs are on the diagonal.
        apart: `[B, W, W]` bool, the false pairs.
        margin: m.

    Returns:
        This process's share of the loss of all clips.
    """
    own = distance.diagonal(dim1=1, dim2=2)
    true = margin_contrastive(own, apart.new_ones(()), margin) * apart.sum(2)
    false = margin_contrastive(distance, apart.new_zeros(()), margin) * apart
    return (true.sum() + false.sum()) / 4 * share(apart).to(distance.dtype)


class SyncNet(Objective):
    """Margin contrast between the windows of a clip.

    Args:
        video: encoder that makes of T frames one place in time for each window of frames (stride 1, no padding).
        audio: encoder of `seconds` of sound; it has a `sample_rate`, and as many features as the video's.
        seconds: of sound to a window: those of its frames.
        margin: from which distance on a false pair is far enough; above 15, where those of the released network are.
        nearest: seconds between a picture and a sound of a false pair at least, so that they do not overlap.
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
        margin: float = 20.0,
        nearest: float = 0.2,
        farthest: float = 2.0,
        step: float = 0.04,
        augment: nn.Module | None = None,
        audio_augment: nn.Module | None = None,
    ) -> None:
        if video.dim != audio.dim:
            raise UsageError(f"SyncNet needs as many features of video ({video.dim}) as of audio ({audio.dim})")
        super().__init__({"video": video, "audio": audio}, {"video": nn.Identity(), "audio": nn.Identity()})
        self.augment, self.audio_augment = WhenTraining(augment), WhenTraining(audio_augment)
        self.windows = SyncWindows(seconds, int(audio.sample_rate))  # type: ignore[arg-type]
        self.margin, self.nearest, self.farthest, self.sync_step = margin, nearest, farthest, step

    def forward(self, batch: Batch) -> tuple[Tensor, Terms]:
        """The margin loss; terms: accuracy, the share of false pairs that are farther than their picture's true one."""
        pairs = self._pairs(batch)
        distance, apart = pairs.distances(), pairs.at.apart(self.nearest, self.farthest)
        right = distance > distance.diagonal(dim1=1, dim2=2).unsqueeze(2)
        terms = {"accuracy": mean(right.float(), apart).detach()}
        return sync_loss(distance, apart, self.margin), terms

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
