"""Kendall's tau against SciPy and by hand, phases of the world and of a manifest, and the whole protocol."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau
from torch import Tensor, nn

from mmssl.applications.measure import measure
from mmssl.applications.model import Model
from mmssl.batch import Batch
from mmssl.data.clips import Clips
from mmssl.data.recordings import Recording
from mmssl.data.sources import open_recordings
from mmssl.data.synthetic.difficulty import actions
from mmssl.data.synthetic.generate import World, synthesize
from mmssl.data.synthetic.truth import Truth
from mmssl.data.window import RandomWindow
from mmssl.encoders.image_small import ImageSmall
from mmssl.errors import EvaluationError, UsageError
from mmssl.evaluate.alignment import Alignment, Framewise, Pixels, untrained
from mmssl.evaluate.kendall import kendall, nearest_frames
from mmssl.evaluate.phases import Phased, key_moments, phase_numbers
from mmssl.objective import Objective
from mmssl.objectives.cycle.tcc import TCC, OffsetUniform
from mmssl.run import Run


def test_tau_of_known_answers() -> None:
    tau = kendall(torch.tensor([[0, 0, 1, 3, 2, 5], [0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [2, 2, 2, 2, 2, 2]]))
    assert tau.b[0].item() == pytest.approx(0.828079, abs=1e-6)
    assert tau.b[1:3].tolist() == [1.0, -1.0]
    assert tau.b[3].isnan()
    assert tau.a.tolist() == pytest.approx([12 / 15, 1.0, -1.0, 0.0])
    assert tau.tied.tolist() == pytest.approx([1 / 15, 0.0, 0.0, 1.0])


def test_tau_is_scipys() -> None:
    answers = torch.randint(0, 9, (20, 15), generator=torch.Generator().manual_seed(0))
    expected = [kendalltau(np.arange(15), row).statistic for row in answers.numpy()]
    assert kendall(answers).b.tolist() == pytest.approx(expected)


def test_the_first_of_equal_neighbors() -> None:
    assert nearest_frames(torch.zeros(2, 3), torch.zeros(5, 3)).tolist() == [0, 0]


def test_moments_of_a_manifest() -> None:
    recording = Recording("pour", "mp4", extra={"phases": [0.5, 1.5, 3.0]})
    moments = key_moments(recording)
    assert moments is not None
    film = Phased(np.zeros((5, 1)), np.array([0.0, 0.5, 1.0, 2.0, 4.0]), moments)
    assert film.phase.tolist() == [0, 1, 1, 2, 3]
    assert film.progress.tolist() == pytest.approx([0, 0, 0.25, 0.5 + 0.5 / 3, 1.0])
    assert film.since[0].tolist() == pytest.approx([-0.125, -0.375, -0.75])
    assert key_moments(Recording("other", "mp4")) is None
    for wrong in ([1.0], [2.0, 1.0], "soon", [1.0, None]):
        with pytest.raises(UsageError, match="pour: phases is"):
            key_moments(replace(recording, extra={"phases": wrong}))


def test_phases_are_told_by_what_tells_them() -> None:
    generator = np.random.default_rng(0)

    def film(tells: bool) -> Phased:
        moments = np.sort(generator.uniform(0.5, 9.5, 3))
        bare = Phased(np.zeros((40, 1)), np.linspace(0, 10, 40), moments)
        noise = generator.normal(0, 0.01, (40, 6))
        told = np.concatenate([bare.since, np.eye(4)[bare.phase][:, :3]], axis=1) if tells else 0
        return Phased(noise + told, bare.times, moments)

    known, unknown = (phase_numbers([film(tells) for _ in range(24)]) for tells in (True, False))
    assert known["phase@100"] > 0.98
    assert known["progress"] > 0.98
    assert unknown["phase@100"] < unknown["often"] + 0.1
    assert unknown["progress"] < 0.1
    assert known["phase@10"] <= known["phase@100"] + 0.02


def test_phases_of_manifests_may_lie_anywhere() -> None:
    frames, times = np.random.default_rng(0).normal(size=(20, 3)), np.linspace(0, 4, 20)
    films = [Phased(frames, times, np.array([50.0, 60.0]))] * 4  # no clip shows them
    assert phase_numbers(films)["phase@100"] == 1
    with pytest.raises(UsageError, match="2 and 3 seconds"):
        phase_numbers([*films, Phased(frames, times, np.array([1.0, 2.0, 3.0]))])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("actions")
    synthesize(folder, 10, world=World(pixels=32, fps=10, difficulty=actions()), splits={"test": 1}, progress=False)
    return folder / "test"


@pytest.fixture
def clips(world: Path) -> Clips:
    return Clips(source=str(world), seconds=4.0, frames=20, pixels=32, sample_rate=0, window=RandomWindow(least=0.1))


class Known(Objective):
    """Its frames are the truth: how far the action is, or what the clock says."""

    def __init__(self, world: Path, *, clock: bool) -> None:
        super().__init__({"video": ImageSmall((16, 16, 16))}, {"video": nn.Identity()})
        self.clock, self.recordings = clock, open_recordings(str(world))

    def frames(self, batch: Batch) -> Tensor:
        rows = []
        for number, times in zip(batch.index.tolist(), batch.video_times.numpy(), strict=True):
            truth = Truth.from_json(self.recordings[number].extra["truth"])
            phase = np.interp(times, truth.frame_times, truth.objects[truth.main].phase)
            rows.append(torch.from_numpy(times if self.clock else phase).unsqueeze(1))
        return torch.stack(rows)


def test_the_moments_of_the_world_are_where_its_phases_turn(world: Path) -> None:
    recordings = open_recordings(str(world))
    for recording in (recordings[number] for number in range(len(recordings))):
        moments, truth = key_moments(recording), Truth.from_json(recording.extra["truth"])
        assert moments is not None
        phase = np.interp(moments, truth.frame_times, truth.objects[truth.main].phase)
        assert phase == pytest.approx([0.0, 0.35, 0.65, 1.0], abs=0.08)


def test_the_protocol(world: Path, clips: Clips) -> None:
    right, clock = (Alignment(clips=clips)(Known(world, clock=clock)) for clock in (False, True))
    assert right["alignment/films"] == 10
    assert right["alignment/coverage"] == 1
    assert right["alignment/tau"] > 0.9
    assert right["alignment/tied"] > 0  # of the rests before and after the action
    assert right["alignment/tau-a"] < right["alignment/tau"]
    assert right["alignment/phase-error"] < 0.05 < right["alignment/phase-error/chance"]
    # A network that counts frames has the best tau, and is found out by the phases.
    assert clock["alignment/tau"] == pytest.approx(1.0)
    assert clock["alignment/phase-error"] == pytest.approx(clock["alignment/phase-error/chance"], abs=1e-6)
    assert right["alignment/pixels/tau"] == clock["alignment/pixels/tau"]
    assert right["alignment/undefined"] == 0


def test_evaluate_measures_it_where_there_are_frames(world: Path, clips: Clips) -> None:
    objective = TCC(video=ImageSmall((16, 16, 16)), hidden=16, dim=8, sampling=OffsetUniform(stride=2))
    assert isinstance(objective, Framewise)
    model = Model(Run(data=clips, objective=objective, steps=1, batch_size=2), torch.device("cpu"))
    measured = measure(model, str(world), limit=4)
    assert {"alignment/tau", "alignment/untrained/tau", "alignment/pixels/tau"} <= set(measured.numbers)
    assert "alignment/phase@10" not in measured.numbers  # too few films
    with pytest.raises(EvaluationError, match="have one label"):
        Alignment(clips=clips, limit=1)(objective.eval())


def test_the_untrained_copy_is_always_the_same_and_not_the_trained(sample_video: Tensor) -> None:
    objective = TCC(video=ImageSmall((16, 16, 16)), hidden=16, dim=8)
    batch = Batch(video=sample_video)
    one, other = untrained(objective), untrained(objective)
    assert isinstance(one, Framewise)
    assert isinstance(other, Framewise)
    assert torch.equal(one.frames(batch), other.frames(batch))
    assert not torch.allclose(one.frames(batch), objective.eval().frames(batch))
    assert Pixels().frames(batch).shape == (2, 4, 768)


@pytest.fixture
def sample_video() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (2, 4, 3, 32, 32), dtype=torch.uint8, generator=generator)
