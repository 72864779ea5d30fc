"""SLAVC: which sound is heard at this place, and where in this picture is it heard? Both must be right at once.

Mo and Morgado 2022, "A Closer Look at Weakly-Supervised Audio-Visual Source Localization" (NeurIPS), section 4: what
(a softmax over sounds, place by place) times where (a softmax over places), each from heads of its own, against targets
of slowly moving twins.

Departures: as in the public code, whose form this is, the probability of both is normalized once more over sounds, and
the second direction also compares sounds, of the student, for pictures of the teacher; clips of one group are no
negatives of each other; sounds of all processes are compared; places of all frames are places; dropout is drawn from
the clips' seeds; sounds of nothing in view may be further negatives (`modules/silence.py`). The teacher's batch
normalization takes its batch's statistics, as the student's does.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmssl.batch import Batch, Modality
from mmssl.distributed import gather, mean, rank
from mmssl.encoder import Encoder
from mmssl.modules.negatives import group_keys
from mmssl.modules.seeded_dropout import SeededDropout
from mmssl.modules.silence import SilentSounds, silent_key
from mmssl.modules.teacher import Teacher
from mmssl.modules.when_training import WhenTraining
from mmssl.objective import Objective, Terms

_NEVER = -1e9  # for -inf, whose sum over places would have no gradient
Features = tuple[Tensor, Tensor]  # for "what" and for "where", of unit length


def factorized(what: Tensor, where: Tensor, allowed: Tensor) -> Tensor:
    """`log sum over p of softmax_m(what) softmax_p(where)`: that a place has this sound and this sound is there.

    Args:
        what: `[B, P, M]` scores over the temperature, of P places with M sounds.
        where: likewise.
        allowed: `[B, M]` bool, the sounds that compete for a picture; one at least.

    Returns:
        `[B, M]`, about `_NEVER` for the others.
    """
    heard = what.masked_fill(~allowed.unsqueeze(1), _NEVER).log_softmax(2)
    return torch.logsumexp(heard + where.log_softmax(1), 1)


class SLAVC(Objective):
    """Video and audio; the map of `heat` is the mean of both heads' cosines.

    Args:
        video: its encoder.
        audio: likewise.
        dim: E of each of two heads.
        temperature: of all softmaxes.
        momentum: of the teacher.
        dropout: of the features of places.
        silence: sounds of nothing in view, as further negatives; None for none.
        augment: of video, when training: `(video, seed) -> video`.
        audio_augment: of audio, likewise.
    """

    def __init__(
        self,
        *,
        video: Encoder,
        audio: Encoder,
        dim: int = 512,
        temperature: float = 0.03,
        momentum: float = 0.999,
        dropout: float = 0.9,
        silence: SilentSounds | None = None,
        augment: nn.Module | None = None,
        audio_augment: nn.Module | None = None,
    ) -> None:
        given: dict[Modality, Encoder] = {"video": video, "audio": audio}
        super().__init__(given, {m: nn.Linear(e.dim, 2 * dim) for m, e in given.items()})
        self.temperature, self.silence = temperature, silence
        self.student_dropout, self.teacher_dropout = SeededDropout(dropout, 151), SeededDropout(dropout, 152)
        self.teacher = Teacher(self._student(), momentum)
        self.augment, self.audio_augment = WhenTraining(augment), WhenTraining(audio_augment)

    def _student(self) -> dict[str, nn.Module]:
        return {
            f"{m}_{kind}": part[m] for kind, part in (("encoder", self.encoders), ("head", self.heads)) for m in part
        }

    def forward(self, batch: Batch) -> tuple[Tensor, Terms]:
        """Terms: accuracy (top 1 among the sounds of all processes), both ways."""
        video, audio = self.augment(batch.video, batch), self.audio_augment(batch.audio, batch)
        keys, heard = group_keys(batch), batch.valid("audio")
        if self.silence is not None:
            audio = torch.cat([audio, self.silence(batch)])
            keys, heard = torch.cat([keys, silent_key(keys)]), torch.cat([heard, torch.ones_like(heard)])
        places = self._places(self._student(), video, self.student_dropout, batch.seed)
        sounds = self._sounds(self._student(), audio)
        with torch.no_grad():
            still = self._places(self.teacher.parts(), video, self.teacher_dropout, batch.seed)
            echoes = self._sounds(self.teacher.parts(), audio)
        number, others = _numbered(batch, keys, heard)
        ways = [self._way(places, echoes, number, others), self._way(still, sounds, number, others)]
        keep = batch.valid("video") & batch.valid("audio")
        loss = torch.stack([mean(losses, keep) for losses, _ in ways]).sum()
        return loss, {"accuracy": mean(torch.stack([right for _, right in ways]).float().mean(0), keep).detach()}

    def _way(self, places: Features, sounds: Features, number: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
        """`[B]` cross-entropies of each picture's own sound among all processes', and whether it was the best."""
        what, where = (p @ gather(s).T / self.temperature for p, s in zip(places, sounds, strict=True))
        own = functional.one_hot(number, what.shape[-1]).bool()
        scores = factorized(what, where, others | own)
        right = (scores.masked_fill(~own, -torch.inf).amax(1) > scores.masked_fill(own, -torch.inf).amax(1)).detach()
        return functional.cross_entropy(scores, number, reduction="none"), right

    def _places(self, part: dict[str, nn.Module], video: Tensor, dropout: nn.Module, seeds: Tensor) -> Features:
        """`[B, P, E]` twice, of the places of all frames."""
        grid = dropout(part["video_encoder"](video), seeds)
        return _halves(part["video_head"](grid.flatten(1, -2)))

    def _sounds(self, part: dict[str, nn.Module], audio: Tensor) -> Features:
        """`[M, E]` twice."""
        encoder = part["audio_encoder"]
        return _halves(part["audio_head"](encoder.pool(encoder(audio))))  # type: ignore[operator]

    def after_step(self, progress: float) -> None:
        """The teacher follows."""
        self.teacher.follow(self._student())

    def features(self, batch: Batch, modality: Modality) -> tuple[Tensor, Tensor | None]:
        """The map `[B, *grid, 2 E]`, both heads' vectors side by side, of unit length each."""
        grid, mask = super().features(batch, modality)
        return torch.cat(_halves(grid), -1), mask

    def embed(self, batch: Batch) -> dict[Modality, Tensor]:
        """One unit vector a clip: of sound as trained, of video what the encoder pools of the places."""
        embeddings = super().embed(Batch(video=batch.video)) if "video" in batch else {}
        if "audio" in batch:
            both = self._sounds(self._student(), batch.audio)
            embeddings["audio"] = functional.normalize(torch.cat(both, -1), dim=-1)
        return embeddings

    def pair_scores(self, batch: Batch) -> Tensor:
        """`[B, B]`: the highest place of the map that `heat` draws."""
        places = functional.normalize(self.features(batch, "video")[0].float(), dim=-1).flatten(1, -2)
        return torch.einsum("ape,ne->anp", places, self.embed(Batch(audio=batch.audio))["audio"]).amax(2)


def _halves(vectors: Tensor) -> Features:
    what, where = (functional.normalize(half.float(), dim=-1) for half in vectors.chunk(2, -1))
    return what, where


def _numbered(batch: Batch, keys: Tensor, heard: Tensor) -> tuple[Tensor, Tensor]:
    """Of B pictures among M sounds of all processes: `[B]` the number of its own, `[B, M]` bool, who may compete."""
    each = torch.arange(len(batch), device=keys.device) + rank() * len(keys)
    return each, gather(heard) & (keys[: len(batch)] != gather(keys).T)
