"""Support-set captioning: what can be said of a clip, told from other clips that look alike.

Patrick, Huang, Asano, Metze, Hauptmann, Henriques and Vedaldi 2021, "Support-set Bottlenecks for Video-Text
Representation Learning" (ICLR), section 3: beside contrast, caption i is generated from a weighted mean of video
vectors, `sum over j of a_ij v_j` with `a_ij = softmax over j of cos(t_i, v_j) / temperature`. What clips have in common
is then no longer pushed apart as if it were different.

Departures: contrast is InfoNCE, where the paper prefers a hinge with the hardest negative; the decoder is a small
transformer that learns from nothing, where the paper has T5; the support set is the batch of all processes.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmssl.batch import Batch, Modality
from mmssl.distributed import gather, mean
from mmssl.encoder import Encoder
from mmssl.modules.cached_gradient import in_chunks
from mmssl.modules.captioner import Captioner
from mmssl.modules.captioning import next_words, surprise
from mmssl.modules.contrast import contrast
from mmssl.modules.heads import projection
from mmssl.modules.negatives import clips_and_groups, text_valid
from mmssl.modules.picture_text import caption_sides, one_caption
from mmssl.modules.scores import Pooled
from mmssl.modules.support import Cross, NoSupport, Support
from mmssl.modules.temperature import Temperature
from mmssl.modules.video_text import projected, unit_vectors
from mmssl.modules.when_training import WhenTraining
from mmssl.objective import Objective, Terms
from mmssl.objectives.contrastive.info_nce import accuracy, info_nce

CROSS = Cross()  # the paper's best alone


class SupportSet(Objective):
    """Contrast of video and caption, and the caption told from a support set of videos.

    Args:
        video: its encoder.
        text: likewise.
        vocabulary: ids of captions.
        dim: E of the shared space and features of the decoder.
        support: `NoSupport()`, `Identity()`, `Full()`, `Cross()` or `Hybrid()` of `modules/support.py`.
        captioning: weight of its loss; that of contrast is 1.
        softness: temperature of the attention to the support set.
        depth: blocks of the decoder, of four heads each.
        augment: of video, when training: `(video, seed) -> video`.
    """

    chunk: int | None = 0

    def __init__(
        self,
        *,
        video: Encoder,
        text: Encoder,
        vocabulary: int = 4096,
        dim: int = 128,
        support: Support = CROSS,
        captioning: float = 1.0,
        softness: float = 0.1,
        depth: int = 2,
        augment: nn.Module | None = None,
    ) -> None:
        super().__init__(
            {"video": video, "text": text}, {"video": projection(video.dim, dim), "text": projection(text.dim, dim)}
        )
        self.captioner = Captioner(vocabulary, dim, dim, depth, heads=4)
        self.captioner.requires_grad_(not isinstance(support, NoSupport))
        self.support, self.captioning, self.softness = support, captioning, softness
        self.temperature, self.augment = Temperature(), WhenTraining(augment)

    def forward(self, batch: Batch) -> tuple[Tensor, Terms]:
        """Terms: both losses, accuracy of the contrast, entropy of the first support's weights (nats)."""
        batch = one_caption(batch)
        vectors = in_chunks(self.represent, (batch,), self.chunk or 0)
        rows, columns = caption_sides(vectors["video"], batch.valid("video"), vectors["text"], batch)
        pairs = contrast(Pooled(), rows, columns, self.temperature())
        loss = info_nce(pairs)
        terms = {"contrast_loss": loss.detach(), "accuracy": accuracy(pairs)}
        videos = gather(vectors["video"])
        ids, labels = batch.text[:, 0], next_words(batch.text[:, 0], self.captioner.end)
        losses = []
        for weights in self.weights(videos, vectors["text"][:, 0], batch):
            told = surprise(self.captioner(weights @ videos, ids), labels)
            counted = (labels >= 0) & text_valid(batch) & (weights.detach().sum(1, keepdim=True) > 0)
            losses.append(mean(told, counted))
            spread = -(weights * weights.clamp(min=1e-12).log()).detach().sum(1)
            terms.setdefault("entropy", mean(spread, counted.any(1)))
        if losses:
            captioned = torch.stack(losses).mean()
            loss, terms["captioning_loss"] = loss + self.captioning * captioned, captioned.detach()
        return loss, terms

    def weights(self, videos: Tensor, text: Tensor, batch: Batch) -> tuple[Tensor, ...]:
        """How much each of all processes' N videos counts for each caption, `[B, N]`, one for each captioning loss."""
        clip, group = clips_and_groups(batch)
        clips, groups, there = gather(clip), gather(group), gather(batch.valid("video"))
        own, related = clip.unsqueeze(1) == clips, group.unsqueeze(1) == groups
        return self.support(text @ videos.T / self.softness, own, related | own, there)

    def represent(self, batch: Batch) -> dict[str, Tensor]:
        """Unit vectors of video `[B, E]` and text `[B, C, E]`."""
        given: tuple[tuple[Tensor, Modality], ...] = (
            (self.augment(batch.video, batch), "video"),
            (batch.text, "text"),
        )
        return {name: functional.normalize(projected(self, inputs, name), dim=-1) for inputs, name in given}

    def after_step(self, progress: float) -> None:
        """The temperature returns within its bound."""
        self.temperature.bound()

    def embed(self, batch: Batch) -> dict[Modality, Tensor]:
        """One unit vector a clip, of its first caption for text."""
        return unit_vectors(self, batch)
