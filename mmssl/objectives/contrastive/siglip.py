"""SigLIP: do this picture and this caption belong together? Each pair is a question of its own.

Zhai, Mustafa, Kolesnikov and Beyer 2023, "Sigmoid Loss for Language Image Pre-Training" (ICCV), section 3.2. The loss
needs no sum over a row, so columns travel around the ring of processes and nothing of all clips' size is held; the
formula and the ring are in `modules/sigmoid.py`.

Departures: all captions of a clip are its positives, as a question a pair allows it; clips of one recording, and a
caption that repeats one of the clip's own, are not asked about.
"""

import math

import torch
from torch import Tensor, nn

from mmssl.batch import Batch, Modality
from mmssl.distributed import mean
from mmssl.encoder import Encoder
from mmssl.modules.cached_gradient import in_chunks
from mmssl.modules.heads import into_one_space
from mmssl.modules.picture_text import caption_sides, caption_vectors, picture_vectors
from mmssl.modules.scores import Pooled
from mmssl.modules.sigmoid import INITIAL_BIAS, INITIAL_LOG_SCALE, sigmoid_loss
from mmssl.modules.when_training import WhenTraining
from mmssl.objective import Objective, Terms


class SigLIP(Objective):
    """Pictures and text, two towers and a logistic loss of all pairs.

    Args:
        video: encoder of frames.
        text: encoder of captions.
        dim: E; 0 for towers that share a space already.
        scale: of the cosine at the start; its logarithm is learned.
        bias: at the start. As N - 1 of N pairs are negatives, with 0 the first steps only push all pairs apart.
        augment: of video, when training: `(video, seed) -> video`.

    Raises:
        UsageError: dim is 0 and the towers' features differ in size.
    """

    chunk: int | None = 0

    def __init__(
        self,
        *,
        video: Encoder,
        text: Encoder,
        dim: int = 768,
        scale: float = math.exp(INITIAL_LOG_SCALE),
        bias: float = INITIAL_BIAS,
        augment: nn.Module | None = None,
    ) -> None:
        encoders: dict[Modality, Encoder] = {"video": video, "text": text}
        super().__init__(encoders, into_one_space(encoders, dim))
        self.log_scale, self.bias = nn.Parameter(torch.tensor(math.log(scale))), nn.Parameter(torch.tensor(bias))
        self.augment = WhenTraining(augment)

    def forward(self, batch: Batch) -> tuple[Tensor, Terms]:
        """Terms: the mean probability that true pairs get, scale and bias."""
        vectors = in_chunks(self.represent, (batch,), self.chunk or 0)
        rows, columns = caption_sides(vectors["video"], batch.valid("video"), vectors["text"], batch)
        scale = self.log_scale.exp()
        loss = sigmoid_loss(Pooled(), rows, columns, scale, self.bias)
        cosines = torch.einsum("be,bce->bc", vectors["video"], vectors["text"]).detach()
        likely, there = (scale * cosines + self.bias).sigmoid().detach(), rows.valid.unsqueeze(1) & columns.valid
        return loss, {"true": mean(likely, there), "scale": scale.detach(), "bias": self.bias.detach().clone()}

    def represent(self, batch: Batch) -> dict[str, Tensor]:
        """Unit vectors of pictures `[B, E]` and captions `[B, C, E]`."""
        return {
            "video": picture_vectors(self, self.augment(batch.video, batch)),
            "text": caption_vectors(self, batch.text),
        }
