"""Real sounds of ten classes in four folds are told apart by their spectra alone, well above chance."""

from pathlib import Path

import pytest

from benchmarks.esc10 import manifest
from mmssl.evaluate.classifiers import linear_svm
from mmssl.evaluate.layers import LogMelStatistics
from mmssl.evaluate.probe import Probes
from mmssl.training.recipe import Recipe

pytestmark = pytest.mark.realdata


def test_log_mel_statistics_of_esc10(realdata: Path, tmp_path: Path) -> None:
    file = tmp_path / "esc10.jsonl"
    manifest(realdata / "audio" / "esc10", file)
    run = Recipe(Path(__file__).parents[2] / "recipes" / "quickstart.py").build()
    probes = Probes(
        clips=run.data.of(str(file)),
        fold="fold",
        modalities=("audio",),
        windows=2,
        classifiers=(linear_svm(0.001),),
        layers=(LogMelStatistics(),),
    )
    numbers = probes(run.objective.eval())
    assert numbers["probe/audio/recordings"] == 200
    assert numbers["probe/audio/majority"] == pytest.approx(0.1)
    assert 0.4 < numbers["probe/audio/log-mel/svm/accuracy"] < 0.8
    assert numbers["probe/audio/log-mel/svm/folds"] == 4
