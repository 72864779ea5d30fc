"""Multilingual multimodal pretraining: a video, and captions of it in several languages, are one another's only match.

Huang, Patrick, Hu, Neubig, Metze and Hauptmann 2021, "Multilingual Multimodal Pre-training for Zero-Shot Cross-Lingual
Transfer of Vision-Language Models" (NAACL), section 3: noise-contrastive losses between video and each caption
(inter-modal), between two views of one video or caption (intra-modal) and between two captions (cross-lingual).

Departures: any two languages meet, where in the paper one of them is English; the cross-lingual loss compares the
captions themselves, not each together with the video; the second view of a caption lacks some of its words. Each
caption has a loss of its own, so a translation is never in the denominator of the other, and clips of one group or
with an equal caption are no negatives.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmssl.batch import Batch, Modality
from mmssl.encoder import Encoder
from mmssl.modules import draws
from mmssl.modules.cached_gradient import in_chunks
from mmssl.modules.contrast import Contrast, contrast
from mmssl.modules.heads import projection
from mmssl.modules.picture_text import caption_sides
from mmssl.modules.scores import Pooled
from mmssl.modules.temperature import Temperature
from mmssl.modules.tiles import Side
from mmssl.modules.video_text import projected, unit_vectors
from mmssl.modules.when_training import WhenTraining
from mmssl.objective import Objective, Terms
from mmssl.objectives.contrastive.info_nce import accuracy, info_nce

_WORDS = 61  # stream of draws


def fewer_words(text: Tensor, seeds: Tensor, dropped: float) -> Tensor:
    """Captions `[B, C, L]` without a share of their words, drawn from `[B]` seeds; the first word stays."""
    gone = draws.uniform(seeds, _WORDS, text[0].numel()).view(text.shape) < dropped
    gone[..., 0] = False
    return text.masked_fill(gone, -1)


def mmp(found: Mapping[str, Sequence[Contrast]], weights: Mapping[str, float]) -> tuple[Tensor, dict[str, Tensor]]:
    """The weighted sum over kinds of pairs of their mean noise-contrastive loss, and those means.

    With three kinds of weight 1 and N equal scores, 3 log N.
    """
    means = {kind: torch.stack([info_nce(pairs) for pairs in each]).mean() for kind, each in found.items()}
    return torch.stack([weights[kind] * loss for kind, loss in means.items()]).sum(), means


class MMP(Objective):
    """Video and one line in several languages: `Clips(captions=2)` gives the line nearest in time in two of them.

    Args:
        video: its encoder.
        text: likewise, of all languages; the paper's are multilingual BERT and XLM-R.
        dim: E of the shared space.
        temperature: at the start, learnt.
        intra: weight of two views of a video or caption; the weight of video and caption is 1.
        cross: weight of two captions.
        dropped: share of the words that the second view of a caption lacks.
        augment: of video, when training: `(video, seed) -> video`; the views differ by their seeds.
    """

    chunk: int | None = 0

    def __init__(
        self,
        *,
        video: Encoder,
        text: Encoder,
        dim: int = 512,
        temperature: float = 0.07,
        intra: float = 1.0,
        cross: float = 1.0,
        dropped: float = 0.15,
        augment: nn.Module | None = None,
    ) -> None:
        super().__init__(
            {"video": video, "text": text}, {"video": projection(video.dim, dim), "text": projection(text.dim, dim)}
        )
        self.temperature, self.augment = Temperature(temperature), WhenTraining(augment)
        self.intra, self.cross, self.dropped = intra, cross, dropped

    def forward(self, batch: Batch) -> tuple[Tensor, Terms]:
        """Terms: each of the three losses, and the accuracy of video and captions."""
        vectors = in_chunks(self.represent, (batch,), self.chunk or 0)
        scale = self.temperature()
        found = {
            name: [contrast(Pooled(), rows, columns, scale) for rows, columns in sides]
            for name, sides in self._sides(vectors, batch).items()
            if sides
        }
        loss, parts = mmp(found, {"inter": 1.0, "intra": self.intra, "cross": self.cross})
        terms = {f"{name}_loss": part.detach() for name, part in parts.items()}
        return loss, terms | {"accuracy": torch.stack([accuracy(pairs) for pairs in found["inter"]]).mean()}

    def represent(self, batch: Batch) -> dict[str, Tensor]:
        """Unit vectors of video `[B, E]` and text `[B, C, E]`, and of their other views."""
        inputs: dict[str, tuple[Tensor, Modality]] = {
            "video": (self.augment(batch.video, batch), "video"),
            "text": (batch.text, "text"),
        }
        if self.intra:
            again = Batch(seed=draws.hashed(batch.seed + 1))
            inputs["other_video"] = (self.augment(batch.video, again), "video")
            inputs["other_text"] = (fewer_words(batch.text, batch.seed, self.dropped), "text")
        return {name: functional.normalize(projected(self, *given), dim=-1) for name, given in inputs.items()}

    def after_step(self, progress: float) -> None:
        """The temperature returns within its bound."""
        self.temperature.bound()

    def embed(self, batch: Batch) -> dict[Modality, Tensor]:
        """One unit vector a clip, of its first caption for text."""
        return unit_vectors(self, batch)

    def _sides(self, vectors: dict[str, Tensor], batch: Batch) -> dict[str, list[tuple[Side, Side]]]:
        """What is to match what, of each of the three kinds."""
        there, captions = batch.valid("video"), range(batch.text.shape[1])
        video, lines = caption_sides(vectors["video"], there, vectors["text"], batch)
        columns = [_only(lines, c) for c in captions]
        rows = [_as_rows(lines, c, video.keys) for c in captions]
        intra: list[tuple[Side, Side]] = []
        if self.intra:
            _, views = caption_sides(vectors["video"], there, vectors["other_text"], batch)
            view = Side((vectors["other_video"].unsqueeze(1),), there.unsqueeze(1), video.keys[:, :1].unsqueeze(1))
            intra = [(video, view), *((rows[c], _only(views, c)) for c in captions)]
        cross = [(rows[c], columns[d]) for c, d in combinations(captions, 2)] if self.cross else []
        return {"inter": [(video, column) for column in columns], "intra": intra, "cross": cross}


def _only(lines: Side, caption: int) -> Side:
    """One column a clip."""
    (vectors,), place = lines.vectors, slice(caption, caption + 1)
    return Side((vectors[:, place],), lines.valid[:, place], lines.keys[:, place])


def _as_rows(lines: Side, caption: int, keys: Tensor) -> Side:
    """One row a clip, with the keys of its video."""
    vectors = lines.vectors[0][:, caption]
    return Side((vectors.detach()[:, :0], vectors), lines.valid[:, caption], keys)
