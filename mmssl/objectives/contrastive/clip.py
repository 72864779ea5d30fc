"""CLIP: which of all captions belongs to this picture, and which of all pictures to this caption?

Radford, Kim, Hallacy et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision" (ICML),
section 2.3 and figure 3. Linear heads alone, one temperature that is learned up to a scale of 100.

Departures: a picture may be several frames, which the encoder pools; of several captions of a clip one is drawn by its
seed at each step, as the paper's pairs have one (`InfoNCE` takes all of them at once); clips of one recording, and
clips whose caption is the same word for word, are neither positives nor negatives of each other. The paper's towers are
those of `encoders/clip_open.py`.
"""

import math

from torch import Tensor, nn

from mmssl.batch import Batch, Modality
from mmssl.distributed import mean
from mmssl.encoder import Encoder
from mmssl.modules.cached_gradient import in_chunks
from mmssl.modules.contrast import Contrast, contrast
from mmssl.modules.heads import into_one_space
from mmssl.modules.picture_text import caption_sides, caption_vectors, one_caption, picture_vectors
from mmssl.modules.scores import Pooled
from mmssl.modules.temperature import Temperature
from mmssl.modules.when_training import WhenTraining
from mmssl.objective import Objective, Terms
from mmssl.objectives.contrastive.info_nce import accuracy


def clip_loss(pairs: Contrast) -> Tensor:
    """`(CE of the rows + CE of the columns) / 2`, the diagonal being the label; figure 3.

    Of clips with both a picture and a caption. A scalar whose mean over processes is the loss of all clips; with N
    equal scores, log N.
    """
    own, there = pairs.own[:, 0], pairs.own[:, 0] != -math.inf  # one caption a clip: C = 1
    return (mean(pairs.rows - own, there) + mean(pairs.columns[:, 0] - own, there)) / 2


class CLIP(Objective):
    """Pictures and text, two towers and a symmetric cross-entropy.

    Args:
        video: encoder of frames.
        text: encoder of captions; the paper's is causal and pools by the end-of-text token.
        dim: E; 0 for towers that share a space already, such as those of a trained CLIP.
        temperature: at the start.
        lowest: bound of the temperature; the paper's scale never exceeds 100.
        augment: of video, when training: `(video, seed) -> video`; the paper's is a random square crop alone.

    Raises:
        UsageError: dim is 0 and the towers' features differ in size.
    """

    chunk: int | None = 0

    def __init__(
        self,
        *,
        video: Encoder,
        text: Encoder,
        dim: int = 512,
        temperature: float = 0.07,
        lowest: float = 0.01,
        augment: nn.Module | None = None,
    ) -> None:
        encoders: dict[Modality, Encoder] = {"video": video, "text": text}
        super().__init__(encoders, into_one_space(encoders, dim))
        self.temperature, self.augment = Temperature(temperature, lowest), WhenTraining(augment)

    def forward(self, batch: Batch) -> tuple[Tensor, Terms]:
        """Terms: accuracy (top 1 among the clips of all processes, the mean of both ways) and temperature."""
        batch = one_caption(batch)
        vectors = in_chunks(self.represent, (batch,), self.chunk or 0)
        sides = caption_sides(vectors["video"], batch.valid("video"), vectors["text"], batch)
        pairs = contrast(Pooled(), *sides, self.temperature())
        return clip_loss(pairs), {"accuracy": accuracy(pairs), "temperature": self.temperature.value}

    def represent(self, batch: Batch) -> dict[str, Tensor]:
        """Unit vectors of pictures `[B, E]` and captions `[B, C, E]`."""
        return {
            "video": picture_vectors(self, self.augment(batch.video, batch)),
            "text": caption_vectors(self, batch.text),
        }

    def after_step(self, progress: float) -> None:
        """The temperature returns within its bound."""
        self.temperature.bound()
