"""LiT: text is taught to read a picture tower that is locked, by which picture belongs to which caption.

Zhai, Wang, Mustafa et al. 2022, "LiT: Zero-Shot Transfer with Locked-image text Tuning" (CVPR), sections 3.2 and 4;
the loss is CLIP's over the clips of all processes. A locked tower is in eval mode and without gradient, so after any
number of steps its parameters and buffers are the same bits. As in the public configurations the shared space is the
picture tower's own, and only the text has a head; so a locked tower's vectors can be computed once and stored.

Departures: a picture may be several frames; of several captions of a clip one is drawn; clips of one recording, and
clips whose captions are the same, are neither positives nor negatives of each other.
"""

from typing import Self

from torch import Tensor, nn
from torch.nn import functional

from mmssl.batch import Batch
from mmssl.encoder import Encoder
from mmssl.errors import UsageError
from mmssl.modules.cached_gradient import in_chunks
from mmssl.modules.contrast import contrast
from mmssl.modules.heads import projection
from mmssl.modules.picture_text import caption_sides, caption_vectors, one_caption, picture_vectors
from mmssl.modules.scores import Pooled
from mmssl.modules.stored_features import StoredFeatures
from mmssl.modules.temperature import Temperature
from mmssl.modules.tower_policy import LIT, TowerPolicy, Towers
from mmssl.modules.when_training import WhenTraining
from mmssl.objective import Objective, Terms
from mmssl.objectives.contrastive.clip import clip_loss
from mmssl.objectives.contrastive.info_nce import accuracy


class LiT(Objective):
    """A picture tower and a text tower, each locked or not.

    Args:
        video: encoder of frames, with its weights where its policy is `pretrained`.
        text: encoder of captions, likewise.
        towers: policies of both, `modules.tower_policy.towers("Lu")`.
        temperature: at the start; the public configurations begin with a scale of 10.
        augment: of video, when training: `(video, seed) -> video`.
        stored: vectors of a locked picture tower, for batches without pictures.

    Raises:
        UsageError: stored vectors of a tower that moves.
    """

    chunk: int | None = 0

    def __init__(
        self,
        *,
        video: Encoder,
        text: Encoder,
        towers: Towers = LIT,
        temperature: float = 0.1,
        augment: nn.Module | None = None,
        stored: StoredFeatures | None = None,
    ) -> None:
        super().__init__(
            {"video": video, "text": text}, {"video": nn.Identity(), "text": projection(text.dim, video.dim)}
        )
        if stored is not None and towers.video.trained:
            raise UsageError("stored features are those of a picture tower that stays: give towers that begin with L")
        self.towers, self.stored = towers, stored
        for encoder, policy in self._policies():
            policy.prepare(encoder)
        self.temperature, self.augment = Temperature(temperature), WhenTraining(augment)

    def train(self, mode: bool = True) -> Self:
        """A locked tower stays in eval mode: its norms count nothing, its dropout leaves nothing out."""
        super().train(mode)
        for encoder, policy in self._policies():
            policy.hold(encoder)
        return self

    def forward(self, batch: Batch) -> tuple[Tensor, Terms]:
        """Terms: accuracy (top 1 among the clips of all processes, the mean of both ways) and temperature."""
        batch = one_caption(batch)
        vectors = in_chunks(self.represent, (batch,), self.chunk or 0)
        pairs = contrast(
            Pooled(), *caption_sides(vectors["video"], vectors["there"], vectors["text"], batch), self.temperature()
        )
        return clip_loss(pairs), {"accuracy": accuracy(pairs), "temperature": self.temperature.value}

    def represent(self, batch: Batch) -> dict[str, Tensor]:
        """Unit vectors of pictures `[B, E]` and captions `[B, C, E]`; `there` `[B]`, which have a picture."""
        pictures, there = self._pictures(batch)
        return {"video": pictures, "there": there, "text": caption_vectors(self, batch.text)}

    def _pictures(self, batch: Batch) -> tuple[Tensor, Tensor]:
        if self.stored is None or "video" in batch:
            return picture_vectors(self, self.augment(batch.video, batch)), batch.valid("video")
        vectors, there = self.stored(batch, self.encoders["video"])
        return functional.normalize(vectors, dim=-1), there

    def _policies(self) -> list[tuple[Encoder, TowerPolicy]]:
        return [(self.encoders[name], getattr(self.towers, name)) for name in self.towers._fields]  # type: ignore[misc]

    def after_step(self, progress: float) -> None:
        """The temperature returns within its bound."""
        self.temperature.bound()
