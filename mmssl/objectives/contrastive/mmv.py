"""MMV: which sound and which of several captions belong to this film, each asked in a space of its own grain?

Alayrac, Recasens, Schneider, Arandjelović, Ramapuram, De Fauw, Smaira, Dieleman and Zisserman 2020, "Self-Supervised
MultiModal Versatile Networks" (NeurIPS), section 3 (figure 1, equations 1 to 3).

Departures: clips of one group, and clips that share a caption, are no negatives of each other. The head of the coarse
space ends in a normalization of rows, as the public code's; the paper leaves its place open. An image passes the film
network as `modules/deflation.py` makes it.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmssl.batch import Batch, Modality
from mmssl.encoder import Encoder
from mmssl.modules.cached_gradient import in_chunks
from mmssl.modules.contrast import Contrast, contrast
from mmssl.modules.negatives import caption_keys, group_keys, text_valid
from mmssl.modules.scores import Pooled
from mmssl.modules.spaces import VA, VT, FineAndCoarse, Spaces
from mmssl.modules.tiles import Side
from mmssl.modules.when_training import WhenTraining
from mmssl.objective import Objective, Terms
from mmssl.objectives.contrastive.info_nce import accuracy
from mmssl.objectives.contrastive.mil_nce import mil_nce


def multimodal_loss(sound: Contrast, words: Contrast, sound_weight: float, words_weight: float) -> Tensor:
    """Equation 1: `weight_va * NCE(v, a) + weight_vt * MIL-NCE(v, t)`.

    A clip's negatives are the other sounds for its film and the other films for its sound (equation 2), which is
    MIL-NCE (equation 3) with one candidate; clips that lack one of the two are in no mean and no one's negatives.
    """
    return sound_weight * mil_nce(sound) + words_weight * mil_nce(words)


class MMV(Objective):
    """Video, audio and text; `embed` puts a part for each comparable pair side by side (`modules/spaces`).

    Args:
        video: its encoder.
        audio: likewise.
        text: likewise; all C captions of a clip are candidates.
        spaces: which pair is compared where: `Shared`, `Disjoint` or `FineAndCoarse`.
        temperature: of both losses.
        sound_weight: of sight and sound; the paper's is 10 on HowTo100M alone, 1 with AudioSet.
        words_weight: of sight and words.
        augment: of video, when training: `(video, seed) -> video`.
        audio_augment: of audio, likewise.
    """

    chunk: int | None = 0
    scale: Tensor

    def __init__(
        self,
        *,
        video: Encoder,
        audio: Encoder,
        text: Encoder,
        spaces: Spaces | None = None,
        temperature: float = 0.07,
        sound_weight: float = 1.0,
        words_weight: float = 1.0,
        augment: nn.Module | None = None,
        audio_augment: nn.Module | None = None,
    ) -> None:
        super().__init__({"video": video, "audio": audio, "text": text}, {})
        widths: dict[Modality, int] = {"video": video.dim, "audio": audio.dim, "text": text.dim}
        self.spaces = (spaces or FineAndCoarse())(widths)
        self.sound_weight, self.words_weight = sound_weight, words_weight
        self.register_buffer("scale", torch.tensor(1 / temperature), persistent=False)
        self.augment, self.audio_augment = WhenTraining(augment), WhenTraining(audio_augment)

    def forward(self, batch: Batch) -> tuple[Tensor, Terms]:
        """Terms: both losses and accuracies (top 1 among the clips of all processes, both ways)."""
        pooled = in_chunks(self._pooled, (batch,), self.chunk or 0)
        fine, coarse = self.spaces.compared[VA], self.spaces.compared[VT]
        # Sound is not sent on to the coarse space: it has no loss there, and must not be in its statistics.
        video = self.spaces("video", pooled["video"], [fine, coarse], batch.valid("video"))
        audio = self.spaces("audio", pooled["audio"], [fine], batch.valid("audio"))[fine]
        text = self.spaces("text", pooled["text"], [coarse], text_valid(batch))[coarse]
        groups = group_keys(batch)
        with_sound = self._compared(
            Side((video[fine][:, :0], video[fine]), batch.valid("video"), groups),
            Side((audio.unsqueeze(1),), batch.valid("audio").unsqueeze(1), groups.unsqueeze(1)),
        )
        clip_keys, word_keys = caption_keys(batch, groups)
        with_words = self._compared(
            Side((video[coarse][:, :0], video[coarse]), batch.valid("video"), clip_keys),
            Side((text,), text_valid(batch), word_keys),
        )
        terms: Terms = {}
        for name, pairs in (("video_audio", with_sound), ("video_text", with_words)):
            terms |= {f"{name}_loss": mil_nce(pairs).detach(), f"{name}_accuracy": accuracy(pairs)}
        return multimodal_loss(with_sound, with_words, self.sound_weight, self.words_weight), terms

    def _compared(self, rows: Side, columns: Side) -> Contrast:
        return contrast(Pooled(), rows, columns, self.scale)

    def _pooled(self, batch: Batch) -> dict[str, Tensor]:
        """`[B, D]` of each modality, of text `[B, C, D]`."""
        captions = batch.text.shape[:2]
        given: dict[Modality, Tensor] = {
            "video": self.augment(batch.video, batch),
            "audio": self.audio_augment(batch.audio, batch),
            "text": batch.text.flatten(0, 1),
        }
        pooled: dict[str, Tensor] = {modality: self._seen(modality, inputs) for modality, inputs in given.items()}
        return pooled | {"text": pooled["text"].reshape(*captions, -1)}

    def _seen(self, modality: Modality, inputs: Tensor) -> Tensor:
        encoder = self.encoders[modality]
        vectors: Tensor = encoder.pool(encoder(inputs), encoder.mask(inputs))  # type: ignore[operator]
        return vectors

    def features(self, batch: Batch, modality: Modality) -> tuple[Tensor, Tensor | None]:
        """The map in all spaces side by side, `[B, *grid, E]`, with its mask."""
        grid, mask = self.encoded(batch, modality)
        return self.spaces.side_by_side(modality, grid), mask

    def embed(self, batch: Batch) -> dict[Modality, Tensor]:
        """One unit vector a clip; the product of two is the cosine in their pair's space, over a constant."""
        embeddings: dict[Modality, Tensor] = {}
        for modality in batch.modalities:
            inputs = batch.text[:, 0] if modality == "text" else getattr(batch, modality)
            vectors = self.spaces.side_by_side(modality, self._seen(modality, inputs))
            embeddings[modality] = functional.normalize(vectors, dim=-1)
        return embeddings
