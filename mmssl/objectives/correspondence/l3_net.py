"""L3-Net: does this frame go with this second of sound? A fused head answers from both.

Arandjelović and Zisserman 2017, "Look, Listen and Learn" (ICCV), sections 2 and 3.

Departures: each clip gives one true and one false pair, so exactly half of the pairs are true in every batch, and each
picture and each sound passes its encoder once, whatever it is paired with (BatchNorm cannot tell the classes apart);
the other recording of a false pair comes from the batches of all processes, and its sound is cut around one of its
frames (as in "Objects that Sound", 2018). The encoders are arguments; the paper's are in `encoders/`.
"""

import torch
from torch import Tensor, nn

from mmssl.batch import Batch, Modality
from mmssl.encoder import Encoder
from mmssl.modules.cached_gradient import in_chunks
from mmssl.modules.frame_sound import SoundWindow, along_time, averaged, correspondence_loss, others
from mmssl.modules.when_training import WhenTraining
from mmssl.objective import Objective, Terms


class L3Net(Objective):
    """Audio-visual correspondence by fusion; nothing aligns the two embeddings, so they cannot be compared.

    Args:
        video: encoder of single frames `[B, 1, 3, H, W]`; the paper's pools to 512 features by a global maximum.
        audio: encoder of `seconds` of sound; it has a `sample_rate`.
        seconds: of sound around the frame; ask the data for clips about twice as long.
        hidden: units of the fused layer.
        augment: of the frame, when training: `(video, seed) -> video`.
        audio_augment: of the sound, likewise.
    """

    comparable = False
    chunk: int | None = 0

    def __init__(
        self,
        *,
        video: Encoder,
        audio: Encoder,
        seconds: float = 1.0,
        hidden: int = 128,
        augment: nn.Module | None = None,
        audio_augment: nn.Module | None = None,
    ) -> None:
        super().__init__({"video": video, "audio": audio}, {"video": nn.Identity(), "audio": nn.Identity()})
        self.window = SoundWindow(seconds, int(audio.sample_rate))  # type: ignore[arg-type]
        self.fusion = nn.Sequential(nn.Linear(video.dim + audio.dim, hidden), nn.ReLU(), nn.Linear(hidden, 2))
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
            "image": self._pooled("video", self.augment(image, batch)),
            "sound": self._pooled("audio", self.audio_augment(sound, batch)),
        }

    def log_odds(self, image: Tensor, sound: Tensor) -> Tensor:
        """`[..., Dv]` and `[..., Da]` to `[...]`: the logit of class 1, "corresponds", less that of class 0."""
        logits: Tensor = self.fusion(torch.cat([image, sound], dim=-1)).float()
        return logits[..., 1] - logits[..., 0]

    def encoded(self, batch: Batch, modality: Modality) -> tuple[Tensor, Tensor | None]:
        """As of every objective, of sound window after window: the encoders of the paper take no other length."""
        if modality != "audio":
            return super().encoded(batch, modality)
        return along_time(self.encoders["audio"], self.window.pieces(batch.audio)), None

    def pair_scores(self, batch: Batch) -> Tensor:
        """`[B, B]` log-odds of each clip's middle frame (rows) with the sound around each clip's (columns)."""
        pairs = self.window.middle(batch)
        image, sound = self._pooled("video", pairs.image), self._pooled("audio", pairs.sound)
        count = len(batch)
        return self.log_odds(image.unsqueeze(1).expand(-1, count, -1), sound.unsqueeze(0).expand(count, -1, -1))

    def heat(self, batch: Batch) -> Tensor:
        """`[B, T, H', W']` log-odds of each place by itself, as if it were the whole picture, with the clip's sound."""
        places = self.features(batch, "video")[0]
        sound = averaged(lambda piece: self._pooled("audio", piece), self.window.pieces(batch.audio))
        return self.log_odds(places, sound[:, None, None, None].expand(*places.shape[:-1], -1))

    def _pooled(self, modality: str, inputs: Tensor) -> Tensor:
        encoder = self.encoders[modality]
        pooled: Tensor = encoder.pool(encoder(inputs))  # type: ignore[operator]
        return pooled
