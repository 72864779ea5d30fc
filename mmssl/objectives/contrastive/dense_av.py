"""DenseAV: which sound belongs to this film, asked of every place at every moment, so that the map shows what sounds?

Hamilton, Zisserman, Hershey and Freeman 2024, "Separating the 'Chirp' from the 'Chat': Self-supervised Visual
Grounding of Sound and Language" (CVPR), section 3: the best place of each moment, averaged over time, as the score of
InfoNCE. With one head, and sound pooled over time, it is the multiple-instance contrast of EZ-VSL (Mo and Morgado 2022,
"Localizing Visual Sounds the Easy Way", equation 4).

Departures: clips of one group are no negatives of each other; the pressure against negative products is on all of a
clip's own and one other clip's, where the public code draws 250; silence is whole sounds of `modules/silence.py`, as
negatives of the contrast and with products of 0, where the paper splices it into sounds; frames of a film are times
too; features are normalized before the linear heads, as backbones of the paper end with that.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmssl.batch import Batch, Modality
from mmssl.distributed import gather, mean
from mmssl.encoder import Encoder
from mmssl.modules.cached_gradient import in_chunks
from mmssl.modules.contrast import contrast
from mmssl.modules.frame_sound import others
from mmssl.modules.negatives import group_keys
from mmssl.modules.scores import MaxOverHeadsAndPlaces
from mmssl.modules.silence import SilentSounds, silent_key
from mmssl.modules.temperature import Temperature
from mmssl.modules.tiles import Side
from mmssl.modules.volumes import Weights, below_zero, overlap, roughness, softened
from mmssl.modules.when_training import WhenTraining
from mmssl.objective import Objective, Terms
from mmssl.objectives.contrastive.info_nce import accuracy, info_nce


class DenseAV(Objective):
    """Video and audio, contrasted place by place.

    Args:
        video: its encoder.
        audio: likewise; its frequencies are averaged.
        dim: E of all heads together.
        heads: K.
        temperature: at the start; the paper's is 1, as its products are of no unit length.
        silence: sounds of nothing in view, as further negatives; None for none.
        weights: of the regularizers.
        augment: of video, when training: `(video, seed) -> video`.
        audio_augment: of audio, likewise.

    Example:
        `DenseAV(video=VideoViT(), audio=AudioResNet(), heads=2, silence=SilentSounds())`
    """

    chunk: int | None = 0

    def __init__(
        self,
        *,
        video: Encoder,
        audio: Encoder,
        dim: int = 384,
        heads: int = 1,
        temperature: float = 1.0,
        silence: SilentSounds | None = None,
        weights: Weights | None = None,
        augment: nn.Module | None = None,
        audio_augment: nn.Module | None = None,
    ) -> None:
        given: dict[Modality, Encoder] = {"video": video, "audio": audio}
        super().__init__(
            given, {m: nn.Sequential(nn.LayerNorm(e.dim), nn.Linear(e.dim, dim)) for m, e in given.items()}
        )
        self.score, self.silence, self.weights = MaxOverHeadsAndPlaces(heads), silence, weights or Weights()
        self.initial, self.temperature = 1 / temperature, Temperature(temperature)
        self.augment, self.audio_augment = WhenTraining(augment), WhenTraining(audio_augment)

    def forward(self, batch: Batch) -> tuple[Tensor, Terms]:
        """Terms: accuracy (top 1 among the clips of all processes, both ways), temperature, each regularizer."""
        vectors = in_chunks(self._represent, (batch,), self.chunk or 0)
        scale, keep = self.temperature(), batch.valid("video") & batch.valid("audio")
        pairs = contrast(self.score, *self._sides(vectors, batch), scale)
        anything = gather(keep.any().reshape(1)).any()
        loss, terms = info_nce(pairs), {"accuracy": accuracy(pairs), "temperature": self.temperature.value}
        for name, value in self._regularizers(vectors, batch, keep).items():
            loss = loss + getattr(self.weights, name) * value
            terms[name] = value.detach()
        return loss + self.weights.softened * softened(scale, self.initial) * anything.float(), terms

    def _sides(self, vectors: dict[str, Tensor], batch: Batch) -> tuple[Side, Side]:
        """One row and one column a clip, all moments of a sound in one column; then those of silence, without rows."""
        places, sounds, keys = vectors["places"], vectors["sounds"].flatten(1), group_keys(batch)
        shown, heard = batch.valid("video"), batch.valid("audio")
        if self.silence is not None:
            quiet = vectors["silence"].flatten(1)
            places, sounds = torch.cat([places, torch.zeros_like(places)]), torch.cat([sounds, quiet])
            keys = torch.cat([keys, silent_key(keys)])
            shown, heard = torch.cat([shown, torch.zeros_like(shown)]), torch.cat([heard, torch.ones_like(heard)])
        rows = Side((places, places.detach().flatten(1)[:, :0]), shown, keys)
        return rows, Side((sounds.unsqueeze(1),), heard.unsqueeze(1), keys.unsqueeze(1))

    def _regularizers(self, vectors: dict[str, Tensor], batch: Batch, keep: Tensor) -> dict[str, Tensor]:
        """Of the volumes `[B, T, P, K, T']` of clips with their own sound, another's, and silence."""
        places, sounds = vectors["places"], vectors["sounds"]
        foreign, found = others(batch, sounds.flatten(1), keep)
        own, other = (self.score.volume(places, s) for s in (sounds, foreign.reshape(sounds.shape)))
        values = {
            "below_zero": mean(below_zero(own), keep) / 2 + mean(below_zero(other), found) / 2,
            "roughness": mean(roughness(own), keep),
            "overlap": mean(overlap(own), keep),
        }
        if self.silence is not None:
            quiet = self.score.volume(places, vectors["silence"]).abs().flatten(1).mean(1)
            values["silence"] = mean(quiet, batch.valid("video"))
        return values

    def _represent(self, batch: Batch) -> dict[str, Tensor]:
        """`places [B, T, *grid, K * E]`, `sounds [B, T', K * E]` and, likewise, `silence`."""
        audio = self.audio_augment(batch.audio, batch)
        if self.silence is None:
            sounds = {"sounds": self._moments(audio)}
        else:
            # In one pass, so that batch normalization cannot tell them apart.
            both = self._moments(torch.cat([audio, self.silence(batch)]))
            sounds = dict(zip(("sounds", "silence"), both.chunk(2), strict=True))
        places: Tensor = self.heads["video"](self.encoders["video"](self.augment(batch.video, batch)))
        return {"places": places.float(), **sounds}

    def _moments(self, audio: Tensor) -> Tensor:
        """`[B, S]` to `[B, T', K * E]`."""
        grid: Tensor = self.heads["audio"](self.encoders["audio"](audio))
        return grid.flatten(2, -2).mean(2).float() if grid.ndim > 3 else grid.float()

    def after_step(self, progress: float) -> None:
        """The temperature returns within its bound."""
        self.temperature.bound()

    def pair_scores(self, batch: Batch) -> Tensor:
        """`[B, B]`, the score that was trained."""
        places = self.features(batch, "video")[0].float()
        return self.score(places, places[:, :0], self._moments(batch.audio).flatten(1))

    def heat(self, batch: Batch) -> Tensor:
        """`[B, T, H', W']`: at each place the best head of each moment of the sound, averaged over these."""
        places = self.features(batch, "video")[0].float()
        volume = self.score.volume(places, self._moments(batch.audio))
        return volume.amax(3).mean(3).reshape(places.shape[:-1])

    def embed(self, batch: Batch) -> dict[Modality, Tensor]:
        """One unit vector a clip; of places and moments, what the encoder pools."""
        embeddings = super().embed(Batch(video=batch.video)) if "video" in batch else {}
        if "audio" in batch:
            embeddings["audio"] = functional.normalize(self._moments(batch.audio).mean(1), dim=-1)
        return embeddings
