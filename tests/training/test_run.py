from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mmssl.errors import UsageError
from mmssl.run import Optimization, Run
from mmssl.training.recipe import Recipe


@pytest.mark.fault("R13")
@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0}, {"batch_size": -1}, {"save_every": 0}, {"evaluate_every": -1}, {"seed": -1}, {"workers": -1},
        {"skip_limit": 0.0},
    ],
)  # fmt: skip
def test_names_the_field_that_is_out_of_range(build: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        replace(build().build(), **wrong)


@pytest.mark.fault("R13")
@pytest.mark.parametrize(
    "wrong",
    [
        {"lr": 0.0}, {"warmup": -1}, {"weight_decay": -0.1}, {"clip_norm": -1.0}, {"accumulate": 0}, {"ema": 1.0},
        {"betas": (0.9, 1.0)},
        {"precision": "fp16"}, {"chunk": -1},
    ],
)  # fmt: skip
def test_optimization_names_the_field_that_is_out_of_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        Optimization(**wrong)


@pytest.mark.parametrize("wrong", [{"frames": 0}, {"sample_rate": 0}, {"sample_rate": 16_000}])
def test_data_must_be_what_the_encoders_read(build: Any, wrong: dict[str, int]) -> None:
    run: Run = build().build()
    changed: Any = wrong
    with pytest.raises(UsageError, match=next(iter(wrong))):
        replace(run, data=replace(run.data, **changed))


def test_what_does_not_go_together_is_refused(build: Any) -> None:
    run: Run = build().build()
    with pytest.raises(UsageError, match="shard and chunk"):
        replace(run, shard=True, optimization=Optimization(chunk=2))
    with pytest.raises(UsageError, match="compile decides"):
        replace(run, recompute=True, optimization=Optimization(compile=True))


def test_text_needs_captions_and_a_tokenizer(build: Any) -> None:
    run: Run = build().build()
    run.objective.encoders["text"] = run.objective.encoders["audio"]
    with pytest.raises(UsageError, match="captions"):
        replace(run)
    with pytest.raises(UsageError, match="tokenizer"):
        replace(run, data=replace(run.data, captions=1))


def test_a_recipe_gives_the_same_weights_for_the_same_seed(build: Any) -> None:
    one, same, other = (build(seed=seed).build().objective.heads["audio"].weight for seed in (1, 1, 2))
    assert (one == same).all()
    assert not (one == other).all()


def test_a_recipe_that_is_none_says_so(tmp_path: Path) -> None:
    page = tmp_path / "page.py"
    with pytest.raises(UsageError, match="no Python file"):
        Recipe(page).build()
    page.write_text("x = 1")
    with pytest.raises(UsageError, match="no function `recipe`"):
        Recipe(page).build()
    page.write_text("def recipe() -> int:\n    return 1")
    with pytest.raises(UsageError, match="returned a int"):
        Recipe(page).build()
