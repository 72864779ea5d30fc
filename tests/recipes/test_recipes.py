"""Every page in `recipes/` is a command line, builds, and trains two steps."""

import ast
import math
import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from mmssl.cli.recipe_options import parse_options, read_page
from mmssl.evaluate.retrieval import Retrieval
from mmssl.training.folder import load_run
from mmssl.training.loop import train
from mmssl.training.recipe import Recipe

ROOT = Path(__file__).parents[2]
Arguments = dict[str, bool | int | float | str]


def test_signature_is_a_command_line(page: Path) -> None:
    options = read_page(page).options
    for option in options:
        assert not option.required, f"--{option.name} has no default"
        assert option.help, f"--{option.name} has no help"
    assert {"data", "steps", "batch_size", "lr", "seed"} <= {option.name for option in options}
    assert len(options) <= 10


def test_page_says_what_it_is(page: Path) -> None:
    summary, *more = read_page(page).about.split("\n\n")
    assert summary.endswith((".", "?"))
    assert f"mmssl train recipes/{page.name}" in "".join(more)


def check_commands(text: str) -> int:
    """What is shown can be typed: each option is one of the recipe or of `mmssl train`; how many commands there are."""
    commands = re.findall(r"^mmssl train (recipes/\w+\.py)([^;#\n]*)", text, re.MULTILINE)
    for name, rest in commands:
        words = re.sub(r"--(out|resume|workers|device|begin-with)\b( (?!--)\S+)?", "", rest)
        parse_options(read_page(ROOT / name), shlex.split(words), [])
    return len(commands)


def test_commands_of_the_page(page: Path) -> None:
    assert check_commands(read_page(page).about)


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_commands_of_the_guides(name: str) -> None:
    assert check_commands((ROOT / name).read_text()) or name == "CONTRIBUTING.md"


def test_imports_only_mmssl(page: Path) -> None:
    for node in ast.walk(ast.parse(page.read_text())):
        assert not isinstance(node, ast.Import)
        if isinstance(node, ast.ImportFrom):
            assert str(node.module).partition(".")[0] == "mmssl", f"{page.name} imports {node.module}"


def test_is_one_page(page: Path) -> None:
    assert len(page.read_text().splitlines()) <= 100


def test_trains_two_steps_and_is_rebuilt(
    page: Path, small: Arguments, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Recipe(page, small).build()
    # The world's clips are shorter than what CLIP's frames are spread over.
    run.data = replace(run.data, seconds=min(run.data.seconds, 3.4))
    run.workers = 0
    train(run, tmp_path / "run", device="cpu", recipe=Recipe(page, small))
    assert "warning" not in capsys.readouterr().out
    rows = (tmp_path / "run" / "log.csv").read_text().splitlines()
    losses = [float(row.split(",")[rows[0].split(",").index("loss")]) for row in rows[1:]]
    assert len(losses) == 2
    assert all(math.isfinite(loss) for loss in losses)
    rebuilt = load_run(tmp_path / "run")
    assert set(rebuilt.objective.state_dict()) == set(run.objective.state_dict())


def test_evaluates_held_out_clips(page: Path, small: Arguments, world: Path) -> None:
    if "held_out" not in {option.name for option in read_page(page).options}:
        pytest.skip("has no evaluation of its own")
    assert not Recipe(page, small).build().evaluations
    run = Recipe(page, small | {"held_out": "elsewhere"}).build()
    (evaluation,) = run.evaluations.values()
    clips = evaluation.clips  # type: ignore[attr-defined]
    assert clips == run.data.of("elsewhere")
    # A retrieval between modalities that cannot be compared would stop a run after hours.
    assert run.objective.comparable or not isinstance(evaluation, Retrieval)
