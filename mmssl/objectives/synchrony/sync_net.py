"""SyncNet: a fifth of a second of picture and its sound meet in one space, the sound of other moments stays away.

Chung and Zisserman 2016, "Out of Time: Automated Lip Sync in the Wild" (ACCV Workshops), section 2.3 (equations 1, 2).

Departures: instead of one drawn negative, each window of picture has the sounds of all moments of its clip that keep
the gap, and a true pair counts as often as its window is in false ones, so that both classes hold the same pictures
and the same sounds equally often; windows are of whole pictures, not of tracked mouths. The towers are arguments; the
paper's are in `encoders/`.
"""

from torch import Tensor, nn

from mmssl.batch import Batch
from mmssl.distributed import mean, share
from mmssl.encoder import Encoder
from mmssl.modules.margin import margin_contrastive
from mmssl.modules.sync_learner import SyncLearner
from mmssl.objective import Terms


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


class SyncNet(SyncLearner):
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
        augments = (augment, audio_augment)
        super().__init__(video=video, audio=audio, seconds=seconds, unit=False, step=step, augments=augments)
        self.margin, self.nearest, self.farthest = margin, nearest, farthest

    def forward(self, batch: Batch) -> tuple[Tensor, Terms]:
        """The margin loss; terms: accuracy, the share of false pairs that are farther than their picture's true one."""
        pairs = self.pairs(batch)
        distance, apart = pairs.distances(), pairs.at.apart(self.nearest, self.farthest)
        right = distance > distance.diagonal(dim1=1, dim2=2).unsqueeze(2)
        terms = {"accuracy": mean(right.float(), apart).detach()}
        return sync_loss(distance, apart, self.margin), terms
