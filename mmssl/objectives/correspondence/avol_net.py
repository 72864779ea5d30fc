"""AVOL-Net: does any place of this frame go with this second of sound? The best place answers, so it is the source.

Arandjelović and Zisserman 2018, "Objects that Sound" (ECCV), section 4 (figure 5).

Departures: each clip gives one true and one false pair, so exactly half of the pairs are true in every batch, and each
picture and each sound passes its encoder once, whatever it is paired with (BatchNorm cannot tell the classes apart);
the other recording of a false pair comes from the batches of all processes. The encoders are arguments; the paper's
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


class AVOLNet(Objective):
    """Audio-visual correspondence by the best of all places, without normalization: a map of what sounds.

    Args:
        video: encoder of single frames `[B, 1, 3, H, W]`; the paper's gives 14 x 14 places of 512 features.
        audio: encoder of `seconds` of sound; it has a `sample_rate`, the paper's pools by a global maximum.
        dim: E, and the units of the heads' hidden layer; the picture's head is the paper's two 1 x 1 convolutions.
        seconds: of sound around the frame; ask the data for clips about twice as long.
        bias: of the score before the sigmoid at the start: negative, or the best of all places starts as a match.
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
        bias: float = -2.0,
        augment: nn.Module | None = None,
        audio_augment: nn.Module | None = None,
    ) -> None:
        heads: dict[Modality, nn.Module] = {
            "video": projection(video.dim, dim, hidden=dim),
            "audio": projection(audio.dim, dim, hidden=dim),
        }
        super().__init__({"video": video, "audio": audio}, heads)
        self.window = SoundWindow(seconds, int(audio.sample_rate))  # type: ignore[arg-type]
        self.slope, self.bias = nn.Parameter(torch.tensor(1.0)), nn.Parameter(torch.tensor(bias))
        self.augment, self.audio_augment = WhenTraining(augment), WhenTraining(audio_augment)

    def forward(self, batch: Batch) -> tuple[Tensor, Terms]:
        """The logistic loss of the best place, about ln 2 at chance; terms: accuracy."""
        pairs = self.window.drawn(batch)
        vectors = in_chunks(self._represent, (batch, pairs.image, pairs.sound), self.chunk or 0)
        places, sound = vectors["image"], vectors["sound"]
        other, keep = others(batch, sound, pairs.keep)
        own, false = (self.log_odds(torch.einsum("npe,ne->np", places, s)) for s in (sound, other))
        return correspondence_loss(own.amax(1), false.amax(1), keep)

    def _represent(self, batch: Batch, image: Tensor, sound: Tensor) -> dict[str, Tensor]:
        """Of each clip by itself."""
        return {
            "image": self._places(self.augment(image, batch)),
            "sound": self._sounds(self.audio_augment(sound, batch)),
        }

    def log_odds(self, products: Tensor) -> Tensor:
        """Inner products of places and sounds, any shape, before the sigmoid, which keeps their order."""
        return products * self.slope + self.bias

    def encoded(self, batch: Batch, modality: Modality) -> tuple[Tensor, Tensor | None]:
        """As of every objective, of sound window after window: the encoders of the paper take no other length."""
        if modality != "audio":
            return super().encoded(batch, modality)
        return along_time(self.encoders["audio"], self.window.pieces(batch.audio)), None

    def pair_scores(self, batch: Batch) -> Tensor:
        """`[B, B]` log-odds of the best place of each clip's middle frame with the sound around each clip's."""
        pairs = self.window.middle(batch)
        products = torch.einsum("npe,me->nmp", self._places(pairs.image), self._sounds(pairs.sound))
        return self.log_odds(products).amax(2)

    def heat(self, batch: Batch) -> Tensor:
        """`[B, T, H', W']` in [0, 1], the paper's map: how likely each place goes with the clip's sound."""
        places = self.features(batch, "video")[0].float()
        sound = averaged(self._sounds, self.window.pieces(batch.audio))
        return self.log_odds(torch.einsum("b...e,be->b...", places, sound)).sigmoid()

    def embed(self, batch: Batch) -> dict[Modality, Tensor]:
        """One unit vector a clip, `[B, E]`: the mean over windows of sound; over places as the encoder pools them."""
        embeddings = super().embed(Batch(video=batch.video)) if "video" in batch else {}
        if "audio" in batch:
            sound = averaged(self._sounds, self.window.pieces(batch.audio))
            embeddings["audio"] = functional.normalize(sound, dim=-1)
        return embeddings

    def _places(self, image: Tensor) -> Tensor:
        """`[B, 1, 3, H, W]` to `[B, P, E]`."""
        grid: Tensor = self.heads["video"](self.encoders["video"](image))
        return grid.flatten(1, -2).float()

    def _sounds(self, audio: Tensor) -> Tensor:
        """`[B, samples]` to `[B, E]`."""
        encoder = self.encoders["audio"]
        vectors: Tensor = self.heads["audio"](encoder.pool(encoder(audio)))  # type: ignore[operator]
        return vectors.float()
