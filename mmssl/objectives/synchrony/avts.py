"""AVTS: a second of picture and a second of sound, two towers; do they belong together, and are they of one moment?

Korbar, Tran and Torresani 2018, "Cooperative Learning of Audio and Video Models from Self-Supervised Synchronization"
(NeurIPS), section 3 (equation 1): negatives are of other recordings first, later some are of the same one.

Departures: shifted sound, like the true one, begins when a frame is shown; a sound that is as loud all the time (a
drone, silence) is no hard negative; a clip that has none takes an easy one; vectors may keep the order of a second, as
`cells`. The paper's numbers of the margin, the gap and the stages are those that later papers report.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmssl.batch import Batch, Modality
from mmssl.distributed import mean
from mmssl.encoder import Encoder
from mmssl.errors import UsageError
from mmssl.modules import draws
from mmssl.modules.cached_gradient import in_chunks
from mmssl.modules.frame_sound import others
from mmssl.modules.heads import projection
from mmssl.modules.margin import margin_contrastive
from mmssl.modules.shifts import Shift, Shifted, Stretch
from mmssl.modules.sync_learner import SyncPairs
from mmssl.modules.sync_windows import Instants, distances
from mmssl.modules.when_training import WhenTraining
from mmssl.objective import Objective, Terms

_HARD, _SUPER_HARD, _KIND = 22, 23, 24  # streams of draws


@dataclass(frozen=True)
class Negatives:
    """Shares of the clips whose negative is of each kind; the rest is easy, of another recording.

    Attributes:
        hard: of the same clip, with a gap between the two sounds.
        super_hard: of the same clip, overlapping.
    """

    hard: float = 0.0
    super_hard: float = 0.0

    def __post_init__(self) -> None:
        if min(self.hard, self.super_hard) < 0 or self.hard + self.super_hard > 1:
            raise UsageError(
                f"negatives need shares from 0 to 1, not {self.hard} hard and {self.super_hard} super-hard"
            )


@dataclass(frozen=True)
class Curriculum:
    """Which negatives when.

    Attributes:
        stages: (progress from which on, negatives), ascending; before the first all are easy.
        steady: liveliness below which a sound has no hard negative.
    """

    stages: tuple[tuple[float, Negatives], ...] = ((0.5, Negatives(hard=0.25)),)
    steady: float = 0.1

    def at(self, progress: float) -> Negatives:
        """Those of a moment of the training, from 0 to 1."""
        begun = [negatives for begin, negatives in self.stages if progress >= begin]
        return begun[-1] if begun else Negatives()


def liveliness(sound: Tensor, parts: int = 20) -> Tensor:
    """`[B, samples]` to `[B]`: by how much the logarithm of its energy varies, 0 for silence and steady tones."""
    energy = sound.square().unfold(1, sound.shape[1] // parts, sound.shape[1] // parts).mean(2)
    return (energy + 1e-6).log().std(1)


class AVTS(Objective):
    """Margin contrast of clips with a curriculum of negatives.

    Args:
        video: its encoder.
        audio: its encoder, of `seconds` of sound; it has a `sample_rate`.
        dim: E of the shared space.
        cells: parts of the second, each with E numbers of its vector; those of 1 are means over all of it.
        seconds: of picture and sound; for hard negatives, ask the data for more than `2 seconds + gap`.
        margin: eta; vectors have length 1, so distances are from 0 to 2.
        gap: seconds between the true sound and a hard negative.
        curriculum: the kinds of negatives by progress.
        step: `sync_step`, seconds between two frames.
        augment: of the video, when training: `(video, seed) -> video`.
    """

    synchronous = True
    chunk: int | None = 0
    progress: Tensor

    def __init__(
        self,
        *,
        video: Encoder,
        audio: Encoder,
        dim: int = 128,
        cells: int = 1,
        seconds: float = 1.0,
        margin: float = 0.99,
        gap: float = 0.5,
        curriculum: Curriculum | None = None,
        step: float = 0.04,
        augment: nn.Module | None = None,
    ) -> None:
        heads: dict[Modality, nn.Module] = {"video": projection(video.dim, dim), "audio": projection(audio.dim, dim)}
        super().__init__({"video": video, "audio": audio}, heads)
        self.stretch = Stretch(seconds, int(audio.sample_rate))  # type: ignore[arg-type]
        self.hard, self.super_hard = Shift(seconds + gap), Shift(step, seconds - step)
        self.cells, self.margin, self.sync_step = cells, margin, step
        self.curriculum, self.augment = curriculum or Curriculum(), WhenTraining(augment)
        self.register_buffer("progress", torch.zeros((), dtype=torch.float64))  # a resumed run goes on in its stage

    def after_step(self, progress: float) -> None:
        """The curriculum moves on."""
        self.progress.fill_(progress)

    def forward(self, batch: Batch) -> tuple[Tensor, Terms]:
        """The margin loss; terms: accuracy, true sounds nearer than the negative, and the share of hard negatives."""
        wanted = self.curriculum.at(float(self.progress))
        lot = draws.uniform(batch.seed, _KIND)[:, 0]
        cut = self._places(batch, overlapping=lot < wanted.super_hard)
        sounds = self.stretch.sound(batch.audio, torch.stack([cut.own, cut.other], 1))  # [B, 2, samples]
        picture = self.augment(self.stretch.picture(batch, cut.frame), batch)
        vectors = in_chunks(self._represent, (picture, sounds), self.chunk or 0)
        own, shifted = vectors["sounds"].unbind(1)
        easy, found = others(batch, own, cut.keep)
        lively = liveliness(sounds.flatten(0, 1)).unflatten(0, (-1, 2)).amin(1) >= self.curriculum.steady  # type: ignore[no-untyped-call]
        within = (lot < wanted.hard + wanted.super_hard) & cut.shifted & lively
        negative, keep = torch.where(within.unsqueeze(1), shifted, easy), found | within
        distance = distances(vectors["picture"].unsqueeze(1), torch.stack([own, negative], 1)).squeeze(1)  # [B, 2]
        loss = margin_contrastive(distance, distance.new_tensor([1, 0]).bool(), self.margin).mean(1)
        right = (distance[:, 0] < distance[:, 1]).float()
        terms = {"accuracy": mean(right, keep), "hard": mean(within.float(), keep)}
        return mean(loss, keep), {name: term.detach() for name, term in terms.items()}

    def _places(self, batch: Batch, overlapping: Tensor) -> Shifted:
        """Where each clip is cut, by the rule of its kind of negative; `overlapping` are `[B]` bool."""
        near = self.stretch.drawn(batch, self.super_hard, _SUPER_HARD)
        far = self.stretch.drawn(batch, self.hard, _HARD)
        return Shifted(*(torch.where(overlapping, one, other) for one, other in zip(near, far, strict=True)))

    def _represent(self, picture: Tensor, sounds: Tensor) -> dict[str, Tensor]:
        """Unit vectors, of pictures `[B, cells * E]` and of both sounds `[B, 2, cells * E]`."""
        heard = self._vectors("audio", sounds.flatten(0, 1)).unflatten(0, sounds.shape[:2])  # type: ignore[no-untyped-call]
        return {"picture": self._vectors("video", picture), "sounds": heard}

    def _vectors(self, modality: Modality, inputs: Tensor) -> Tensor:
        return self._pooled(modality, self.heads[modality](self.encoders[modality](inputs)))

    def _pooled(self, modality: Modality, grid: Tensor) -> Tensor:
        """A second's map `[B, T', *grid, E]` to unit vectors `[B, cells * E]`, each cell pooled by itself.

        Raises:
            UsageError: the map has not as many times.
        """
        times, pool = grid.shape[1], self.encoders[modality].pool
        if not 1 <= self.cells <= times:
            raise UsageError(f"AVTS can make 1 to {times} cells of this {modality}, not {self.cells}")
        ends = [round(cell * times / self.cells) for cell in range(self.cells + 1)]
        parts = [pool(grid[:, first:last]) for first, last in pairwise(ends)]  # type: ignore[operator]
        return functional.normalize(torch.cat(parts, 1).float(), dim=-1)

    def pairs(self, batch: Batch) -> SyncPairs:
        """Each clip's vectors of the seconds that begin with a frame.

        Pictures are pooled over stretches of the clip's one map, so that an encoder with strides in time tells no
        shorter shifts than those.
        """
        begin, inside = self.stretch.begins(batch)
        grid, length, windows = self.features(batch, "video")[0], self.stretch.frames(batch), begin.shape[1]
        rate = grid.shape[1] / batch.video.shape[1]
        ends = [(round(w * rate), max(round((w + length) * rate), round(w * rate) + 1)) for w in range(windows)]
        seen = torch.stack([self._pooled("video", grid[:, first:last]) for first, last in ends], 1)
        sounds = self.stretch.sound(batch.audio, begin)
        heard = torch.stack([self._vectors("audio", of_one) for of_one in sounds])
        middle = batch.video_times[:, :windows] - batch.start.unsqueeze(1) + self.stretch.seconds / 2
        usable = inside & (batch.valid("video") & batch.valid("audio")).unsqueeze(1)
        return SyncPairs(Instants(middle, begin, usable), seen, heard)

    def sync_distances(self, batch: Batch, reach: int) -> Tensor:
        """`[B, W, 2 reach + 1]` distances to the sound k `sync_step` later, k from -reach on; nan outside the clip."""
        pairs = self.pairs(batch)
        return pairs.at.at_shifts(pairs.distances(), self.sync_step, reach)

    def pair_scores(self, batch: Batch) -> Tensor:
        """`[B, B]`, minus the mean distance of one clip's seconds (rows) to another's sound of the same seconds."""
        return self.pairs(batch).across_clips()
