"""InfoNCE: which sound, picture or text of all processes' clips belongs to this clip?

van den Oord, Li and Vinyals 2018, "Representation Learning with Contrastive Predictive Coding", equation 4;
symmetric between modalities as Radford et al. 2021, "Learning Transferable Visual Models From Natural Language
Supervision" (CLIP), figure 3. Several positives: the mean of their log-probabilities, Khosla et al. 2020, "Supervised
Contrastive Learning", equation 2 (L_out), each counted once in the denominator.

Departures: clips of one group (one recording), and clips that share a caption when text is compared, are neither
positives nor negatives; missing modalities leave rows and columns; the video's score may be a maximum over places.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor, nn

from mmssl.batch import MODALITIES, Batch, Modality
from mmssl.distributed import gather
from mmssl.encoder import Encoder
from mmssl.errors import UsageError
from mmssl.modules.heads import projection
from mmssl.modules.negatives import caption_numbers, clips_and_groups, related, same_caption, text_valid
from mmssl.modules.scores import PairScore, Pooled
from mmssl.modules.temperature import Temperature
from mmssl.modules.when_training import WhenTraining
from mmssl.objective import Objective, Terms


def info_nce(scores: Tensor, positive: Tensor, valid: Tensor) -> Tensor:
    """`-1/|P| sum over p in P of log(exp s_p / sum over valid j of exp s_j)` of each row.

    Args:
        scores: `[N, M]`, already over the temperature.
        positive: `[N, M]` bool, P.
        valid: `[N, M]` bool; all other columns do not exist for the row.

    Returns:
        `[N]`; 0 for a row without a valid positive, which belongs in no mean.
    """
    # The lowest number instead of -inf: a row without any valid column then has no NaN in its gradient.
    logs = scores.masked_fill(~valid, torch.finfo(scores.dtype).min).log_softmax(1)
    positive = positive & valid
    return -logs.masked_fill(~positive, 0).sum(1) / positive.sum(1).clamp(min=1)


def symmetric_info_nce(scores: Tensor, positive: Tensor, valid: Tensor) -> Tensor:
    """The mean of rows' and columns' means, over those that have a valid positive; arguments as of `info_nce`."""
    directions = ((scores, positive, valid), (scores.T, positive.T, valid.T))
    return torch.stack([info_nce(*d).sum() / (d[1] & d[2]).any(1).sum().clamp(min=1) for d in directions]).mean()


def accuracy(scores: Tensor, positive: Tensor, valid: Tensor) -> Tensor:
    """Share of rows whose best valid column is a positive, over rows that have one; `[N, M]` each."""
    best = scores.masked_fill(~valid, torch.finfo(scores.dtype).min).argmax(1, keepdim=True)
    positive = positive & valid
    return positive.gather(1, best).sum() / positive.any(1).sum().clamp(min=1)


@dataclass(frozen=True)
class _Rows:
    """One modality of R clips (of all their captions for text)."""

    pooled: Tensor  # [R, E]
    valid: Tensor  # [R] bool
    clip: Tensor  # [R]
    group: Tensor  # [R]

    def gathered(self) -> "_Rows":
        """Of all processes."""
        return _Rows(gather(self.pooled), gather(self.valid), gather(self.clip), gather(self.group))


class InfoNCE(Objective):
    """Video, audio and text, any two or all three, in one space.

    All C captions of a clip are its positives; ask the loader for one to have one.

    Args:
        video: its encoder, or None.
        audio: likewise.
        text: likewise.
        dim: E of the shared space; 0 for encoders that share one already, such as the towers of CLIP.
        hidden: units of the heads' hidden layer; 0 is linear.
        temperature: at the start; each pair learns its own.
        score: of pairs with video.
        weights: of pairs, like `{"video_audio": 2}`; 1 if absent, 0 leaves it out; the loss is the weighted mean.
        augment: of video, when training: `(video, seed) -> video`.
        audio_augment: of audio, likewise.

    Raises:
        UsageError: fewer than two encoders, a weight of a pair that does not exist, or dim 0 for encoders that differ.

    Example:
        `InfoNCE(video=VideoResNet(18), audio=AudioResNet(18), dim=256, score=MaxOverPlaces())`
    """

    def __init__(
        self,
        *,
        video: Encoder | None = None,
        audio: Encoder | None = None,
        text: Encoder | None = None,
        dim: int = 128,
        hidden: int = 0,
        temperature: float = 0.07,
        score: PairScore | None = None,
        weights: Mapping[str, float] | None = None,
        augment: nn.Module | None = None,
        audio_augment: nn.Module | None = None,
    ) -> None:
        given: dict[Modality, Encoder | None] = {"video": video, "audio": audio, "text": text}
        encoders = {modality: encoder for modality, encoder in given.items() if encoder is not None}
        if not dim and len({encoder.dim for encoder in encoders.values()}) > 1:
            sizes = ", ".join(f"{encoder.dim} for {modality}" for modality, encoder in encoders.items())
            raise UsageError(f"InfoNCE without heads (dim 0) needs features of one size, not {sizes}; give it a dim")
        super().__init__(encoders, {m: projection(encoder.dim, dim, hidden) for m, encoder in encoders.items()})
        pairs = {f"{first}_{second}": 1.0 for first, second in combinations(encoders, 2)}
        if not pairs:
            raise UsageError("InfoNCE needs at least two of video, audio and text: give it a second encoder")
        if unknown := set(weights or {}) - set(pairs):
            raise UsageError(f"InfoNCE has no pair {', '.join(sorted(unknown))} to weigh; it has {', '.join(pairs)}")
        self.weights = {pair: weight for pair, weight in {**pairs, **(weights or {})}.items() if weight > 0}
        if not self.weights:
            raise UsageError("InfoNCE has only pairs of weight 0: give one of them a weight above 0")
        self.temperatures = nn.ModuleDict({pair: Temperature(temperature) for pair in self.weights})
        self.score: PairScore = score or Pooled()
        self.augments = nn.ModuleDict({"video": WhenTraining(augment), "audio": WhenTraining(audio_augment)})

    def forward(self, batch: Batch) -> tuple[Tensor, Terms]:
        """Equal on all processes; terms: each pair's loss, accuracy (top 1 among all clips, both ways), temperature."""
        maps, rows, everyone = {}, {}, {}
        for modality in (str(m) for m in MODALITIES if m in self.encoders):
            maps[modality], rows[modality] = self._rows(batch, modality)
            everyone[modality] = rows[modality].gathered()
        repeated = self._repeated_captions(batch) if "text" in self.encoders else None
        losses: list[Tensor] = []
        terms: Terms = {}
        for pair, weight in self.weights.items():
            first, second = pair.split("_")
            own, valid = _masks(everyone[first], everyone[second], repeated if second == "text" else None)
            # A process scores its own rows against all columns; the loss of the columns needs all rows.
            scores = self._score(first)(maps[first], rows[first].pooled, everyone[second].pooled)
            temperature: Temperature = self.temperatures[pair]  # type: ignore[assignment]
            scores = temperature(gather(scores))
            loss = symmetric_info_nce(scores, own, valid)
            losses.append(weight * loss)
            right = accuracy(scores, own, valid) + accuracy(scores.T, own.T, valid.T)
            terms |= {f"{pair}_loss": loss.detach(), f"{pair}_accuracy": right / 2}
            terms[f"{pair}_temperature"] = temperature.value
        return torch.stack(losses).sum() / sum(self.weights.values()), terms

    def after_step(self, progress: float) -> None:
        """Temperatures return within their bound."""
        for temperature in self.temperatures.values():
            temperature.bound()  # type: ignore[operator]

    def pair_scores(self, batch: Batch) -> Tensor:
        """`[B, B]` scores in [-1, 1] of video (rows) and audio (columns): the one that was trained."""
        places, video = self._rows(batch, "video")
        return self._score("video")(places, video.pooled, self._rows(batch, "audio")[1].pooled)

    def _score(self, first: str) -> PairScore:
        return self.score if first == "video" else Pooled()

    def _rows(self, batch: Batch, modality: str) -> tuple[Tensor, _Rows]:
        name: Modality = modality  # type: ignore[assignment]
        inputs = getattr(batch, name)
        if name in self.augments:
            inputs = self.augments[name](inputs, batch)
        (clip, group), valid, captions = clips_and_groups(batch), batch.valid(name), 1
        if name == "text":
            inputs, valid, captions = inputs.flatten(0, 1).unsqueeze(1), text_valid(batch).flatten(), inputs.shape[1]
        places, mask = self.features(Batch(**{name: inputs}), name)
        pooled = self.encoders[name].pool(places, mask).float()  # type: ignore[operator]
        return places, _Rows(pooled, valid, clip.repeat_interleave(captions), group.repeat_interleave(captions))

    def _repeated_captions(self, batch: Batch) -> Tensor:
        return same_caption(caption_numbers(gather(batch.text)), gather(text_valid(batch)))


def _masks(first: _Rows, second: _Rows, repeated: Tensor | None) -> tuple[Tensor, Tensor]:
    """`[N, M]` bool each: pairs of one clip, and pairs that are there and true, as positive or as negative."""
    own = first.clip.unsqueeze(1) == second.clip
    excluded = related(first.group, second.group, repeated)
    return own, (own | ~excluded) & first.valid.unsqueeze(1) & second.valid
