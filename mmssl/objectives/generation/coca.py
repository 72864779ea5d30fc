"""CoCa: which caption belongs to this picture, and which word comes next in it?

Yu, Wang, Vasudevan et al. 2022, "CoCa: Contrastive Captioners are Image-Text Foundation Models" (TMLR), sections 3.2
and figure 2. The words pass a causal half that does not see the picture (`TextCausal`: a token at its end is the
caption's vector) and then a half that attends to it. One query pools the picture for contrast, several for captioning;
contrast and captioning are weighed 1 : 2.

Departures: the second half begins with a learned start instead of a start token, and tells its own end after the last
word, so any tokenizer serves; a picture may be several frames; of several captions of a clip one is drawn; clips of one
recording, or with the same caption, are neither positives nor negatives of each other.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmssl.batch import Batch, Modality
from mmssl.distributed import mean
from mmssl.encoder import Encoder
from mmssl.modules.cached_gradient import in_chunks
from mmssl.modules.captioning import demand_causal, next_words, surprise
from mmssl.modules.contrast import contrast
from mmssl.modules.decoder import AttentionPool, Decoder
from mmssl.modules.picture_text import caption_sides, caption_vectors, one_caption
from mmssl.modules.scores import Pooled
from mmssl.modules.temperature import Temperature
from mmssl.modules.when_training import WhenTraining
from mmssl.objective import Objective, Terms
from mmssl.objectives.contrastive.clip import clip_loss
from mmssl.objectives.contrastive.info_nce import accuracy


class CoCa(Objective):
    """Contrast of pictures and captions, and captions told word by word.

    Args:
        video: encoder of frames.
        text: causal encoder of captions, the unimodal half; its places are words, with others after them or not.
        vocabulary: ids that may be told.
        dim: E, and the features of the multimodal half.
        depth: blocks of the multimodal half; the paper's is as deep as the unimodal one.
        heads: of every attention.
        queries: that pool the picture for captioning.
        captioning: weight of the captioning loss; that of the contrastive one is 1.
        temperature: at the start.
        augment: of video, when training: `(video, seed) -> video`.

    Raises:
        UsageError: words of the text encoder see later ones.
    """

    chunk: int | None = 0

    def __init__(
        self,
        *,
        video: Encoder,
        text: Encoder,
        vocabulary: int = 4096,
        dim: int = 128,
        depth: int = 2,
        heads: int = 4,
        queries: int = 32,
        captioning: float = 2.0,
        temperature: float = 0.07,
        augment: nn.Module | None = None,
    ) -> None:
        demand_causal(text)
        pool, head = AttentionPool(video.dim, dim, 1, heads), nn.Linear(text.dim, dim)
        super().__init__({"video": video, "text": text}, {"video": pool, "text": head})
        self.pictured = AttentionPool(video.dim, dim, queries, heads)
        self.words, self.start_token = nn.Linear(text.dim, dim), nn.Parameter(torch.randn(dim) * 0.02)
        self.decoder, self.tell = Decoder(dim, depth, heads), nn.Linear(dim, vocabulary + 1)
        self.end, self.captioning = vocabulary, captioning
        self.temperature, self.augment = Temperature(temperature), WhenTraining(augment)

    def forward(self, batch: Batch) -> tuple[Tensor, Terms]:
        """Terms: both losses, accuracy among clips, `next_word` (share of words that are told right), temperature."""
        batch = one_caption(batch)
        found = in_chunks(self.represent, (batch,), self.chunk or 0)
        there = batch.valid("video")
        pairs = contrast(Pooled(), *caption_sides(found["video"], there, found["text"], batch), self.temperature())
        told = (next_words(batch.text[:, 0], self.end) >= 0) & (there & batch.valid("text")).unsqueeze(1)
        contrastive, captioning = clip_loss(pairs), mean(found["surprise"], told)
        terms = {"contrastive": contrastive.detach(), "captioning": captioning.detach(), "accuracy": accuracy(pairs)}
        terms |= {"next_word": mean(found["right"], told), "temperature": self.temperature.value}
        return contrastive + self.captioning * captioning, terms

    def represent(self, batch: Batch) -> dict[str, Tensor]:
        """Unit vectors of pictures `[B, E]` and captions `[B, 1, E]`; surprise and right guesses `[B, L + 1]`."""
        ids, places = batch.text[:, 0], self.encoders["video"](self.augment(batch.video, batch))
        logits, labels = self.logits(ids, self.pictured.pooled(places)), next_words(ids, self.end)
        return {
            "video": self._vectors(places),
            "text": caption_vectors(self, batch.text),
            "surprise": surprise(logits, labels),
            "right": (logits.detach().argmax(-1) == labels).float(),
        }

    def logits(self, ids: Tensor, picture: Tensor) -> Tensor:
        """`[B, L]` ids and `[B, Q, E]` queries' answers to `[B, L + 1, V + 1]`, place n having seen n words."""
        words = self.words(self.encoders["text"](ids)[:, : ids.shape[1]])
        tokens = torch.cat([self.start_token.expand(len(ids), 1, -1).to(words), words], 1)
        valid = torch.cat([torch.ones_like(ids[:, :1], dtype=torch.bool), ids >= 0], 1)
        told: Tensor = self.tell(self.decoder(tokens, valid, picture))
        return told

    @torch.no_grad()
    def next_words(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """`[B, L + 1]` what it would tell at each place of the first caption, and what stands there; -1 is nothing."""
        ids, picture = batch.text[:, 0], self.pictured.pooled(self.encoders["video"](batch.video))
        return self.logits(ids, picture).argmax(-1), next_words(ids, self.end)

    @torch.no_grad()
    def caption(self, batch: Batch, length: int = 24) -> Tensor:
        """`[B, length]` ids of what it tells of the pictures, the likeliest word each time; -1 after the end."""
        picture = self.pictured.pooled(self.encoders["video"](batch.video))
        ids = torch.full((len(batch), length), -1, device=picture.device)
        ended = torch.zeros(len(batch), dtype=torch.bool, device=picture.device)
        for place in range(length):
            word = self.logits(ids, picture)[:, place].argmax(-1)
            ended |= word == self.end
            ids[:, place] = word.masked_fill(ended, -1)
        return ids

    def embed(self, batch: Batch) -> dict[Modality, Tensor]:
        """One unit vector a clip, `[B, E]`: what one query finds in the picture, and the caption's last place."""
        found: dict[Modality, Tensor] = {}
        if "video" in batch:
            found["video"] = self._vectors(self.encoders["video"](batch.video))
        return found | (super().embed(Batch(text=batch.text)) if "text" in batch else {})

    def _vectors(self, places: Tensor) -> Tensor:
        return functional.normalize(self.heads["video"].pooled(places)[:, 0].float(), dim=-1)  # type: ignore[operator]

    def after_step(self, progress: float) -> None:
        """The temperature returns within its bound."""
        self.temperature.bound()
