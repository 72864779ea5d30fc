"""AVE-Net: does this frame go with this second of sound? One distance between two embeddings answers, so they align.

Arandjelović and Zisserman 2018, "Objects that Sound" (ECCV), section 3.1 (figure 2).

Departures: each clip gives one true and one false pair, so exactly half of the pairs are true in every batch, and each
picture and each sound passes its encoder once, whatever it is paired with (BatchNorm cannot tell the classes apart);
the other recording of a false pair comes from the batches of all processes. A clip of several frames and seconds is
embedded as the mean over single frames and over windows of sound, as trained. The encoders are arguments; the paper's
are in `encoders/`.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmssl.batch import Batch, Modality
from mmssl.encoder import Encoder
from mmssl.modules.cached_gradient import in_chunks
from mmssl.modules.frame_sound import SoundWindow, along_time, averaged, correspondence_loss, others
from mmssl.modules.heads import projection
from mmssl.modules.when_training import WhenTraining
from mmssl.objective import Objective, Terms


def distance(image: Tensor, sound: Tensor, floor: float = 1e-6) -> Tensor:
    """Euclidean, `[..., E]` twice to `[...]`: `sqrt(d^2 + floor)`, for the square root's slope at 0 is infinite."""
    return ((image - sound).square().sum(-1) + floor).sqrt()


class AVENet(Objective):
    """Audio-visual correspondence by distance: two unit vectors, retrievable from each other.

    Args:
        video: encoder of single frames `[B, 1, 3, H, W]`; the paper's pools to 512 features by a global maximum.
        audio: encoder of `seconds` of sound; it has a `sample_rate`.
        dim: E, and the units of the heads' hidden layer.
        seconds: of sound around the frame; ask the data for clips about twice as long.
        augment: of the frame, when training: `(video, seed) -> video`.
        audio_augment: of the sound, likewise.
    """

    chunk: int | None = 0

    def __init__(
        self,
        *,
        video: Encoder,
        audio: Encoder,
        dim: int = 128,
        seconds: float = 1.0,
        augment: nn.Module | None = None,
        audio_augment: nn.Module | None = None,
    ) -> None:
        heads: dict[Modality, nn.Module] = {
            "video": projection(video.dim, dim, hidden=dim),
            "audio": projection(audio.dim, dim, hidden=dim),
        }
        super().__init__({"video": video, "audio": audio}, heads)
        self.window = SoundWindow(seconds, int(audio.sample_rate))  # type: ignore[arg-type]
        self.decision = nn.Linear(1, 2)
        with torch.no_grad():
            # Far apart must mean "does not correspond" (class 0) from the start: at a saddle training stays at 50 %.
            self.decision.weight.copy_(torch.tensor([[1.0], [-1.0]]))
            self.decision.bias.copy_(torch.tensor([-1.0, 1.0]))
        self.augment, self.audio_augment = WhenTraining(augment), WhenTraining(audio_augment)

    def forward(self, batch: Batch) -> tuple[Tensor, Terms]:
        """The two-way cross-entropy of "corresponds", ln 2 at chance; terms: accuracy."""
        pairs = self.window.drawn(batch)
        vectors = in_chunks(self._represent, (batch, pairs.image, pairs.sound), self.chunk or 0)
        image, sound = vectors["image"], vectors["sound"]
        other, keep = others(batch, sound, pairs.keep)
        return correspondence_loss(self.log_odds(image, sound), self.log_odds(image, other), keep)

    def _represent(self, batch: Batch, image: Tensor, sound: Tensor) -> dict[str, Tensor]:
        """Of each clip by itself."""
        return {
            "image": self._vectors("video", self.augment(image, batch)),
            "sound": self._vectors("audio", self.audio_augment(sound, batch)),
        }

    def log_odds(self, image: Tensor, sound: Tensor) -> Tensor:
        """Unit vectors `[..., E]` to `[...]`: the logit of class 1, "corresponds", less that of class 0."""
        logits: Tensor = self.decision(distance(image, sound).unsqueeze(-1)).float()
        return logits[..., 1] - logits[..., 0]

    def encoded(self, batch: Batch, modality: Modality) -> tuple[Tensor, Tensor | None]:
        """As of every objective, of sound window after window: the encoders of the paper take no other length."""
        if modality != "audio":
            return super().encoded(batch, modality)
        return along_time(self.encoders["audio"], self.window.pieces(batch.audio)), None

    def embed(self, batch: Batch) -> dict[Modality, Tensor]:
        """One unit vector a clip, `[B, E]`: the mean over its frames, and over its windows of sound."""
        embeddings: dict[Modality, Tensor] = {}
        if "video" in batch:
            embeddings["video"] = averaged(lambda frame: self._vectors("video", frame), batch.video.unsqueeze(2))
        if "audio" in batch:
            windows = self.window.pieces(batch.audio)
            embeddings["audio"] = averaged(lambda window: self._vectors("audio", window), windows)
        return {modality: functional.normalize(mean, dim=-1) for modality, mean in embeddings.items()}

    def _vectors(self, modality: str, inputs: Tensor) -> Tensor:
        encoder = self.encoders[modality]
        pooled = encoder.pool(encoder(inputs))  # type: ignore[operator]
        return functional.normalize(self.heads[modality](pooled).float(), dim=-1)
