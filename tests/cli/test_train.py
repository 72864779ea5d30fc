"""`mmssl train` and the front door, as a user meets them: in a process of its own."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = '''
"""A page.

With more below.
"""

import torch
from mmssl.run import Run

def recipe(data: str, steps: int = 100, lr: float = 1e-3, *, fast: bool = False, batch_size: int = 4) -> Run:
    """Make it.

    Args:
        data: where the clips are.
        steps: how long.
    """
'''

# Reports whether torch came with an ordinary start of `mmssl`, and the processor's seconds that it took: those do not
# grow where other programs have the cores.
PROBE = """
import atexit, sys, time
told = lambda: print("TORCH" if "torch" in sys.modules else "NONE", time.process_time(), file=sys.stderr)
atexit.register(told)
from mmssl.cli.app import main
sys.argv[0] = "mmssl"
main()
"""
SECONDS = 1.0  # against gross regressions; 0.15 s on an idle machine


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.py"
    path.write_text(PAGE)
    return path


def mmssl(*words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROBE, *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=folder, check=False)


def quick(*words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    done = mmssl(*words, folder=folder)
    came, seconds = done.stderr.split()[-2:]
    assert came == "NONE", "torch was imported"
    assert float(seconds) < SECONDS
    assert "Traceback" not in done.stderr
    return done


def test_help_is_quick() -> None:
    done = quick("--help")
    assert done.returncode == 0
    assert "train" in done.stdout
    assert "--install-completion" in done.stdout


def test_every_command_has_a_help_with_an_example() -> None:
    from mmssl.cli.app import app

    for command in app.registered_commands:
        assert command.callback is not None
        name = command.callback.__name__.rstrip("_")
        assert f"mmssl {name} " in (command.help or ""), name


def test_a_misspelt_command() -> None:
    done = quick("trann")
    assert done.returncode == 2
    assert "Did you mean 'train'" in done.stderr


def test_a_recipes_help_lists_its_options(page: Path) -> None:
    done = quick("train", str(page), "--help")
    assert done.returncode == 0
    assert "A page.\n\nWith more below.\n" in done.stdout
    assert re.search(r"--data str +where the clips are\. \[required\]", done.stdout)
    assert re.search(r"--steps int +how long\. \[default 100\]", done.stdout)
    assert "--fast/--no-fast" in done.stdout
    assert "--resume" in done.stdout


@pytest.mark.fault("R13")
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--stpes", "3"], "page.py has no option --stpes; did you mean --steps?"),
        (["--stpes=3"], "did you mean --steps?"),
        (["--batchsize", "3"], "did you mean --batch-size?"),
        (["--devcie", "cpu"], "did you mean --device?"),
        (["--xyz", "1"], "page.py has no option --xyz; it has --data, --steps, --lr, --fast, --batch-size"),
        (["--data", "x", "--steps", "many"], "--steps many: is no whole number"),
        (["--data", "x", "--steps", "2.5"], "--steps 2.5: is no whole number"),
        (["--data", "x", "--lr", "low"], "--lr low: is no number"),
        (["--steps"], "--steps needs a value"),
        (["--steps", "--lr", "1"], "--steps needs a value"),
        (["--fast=yes"], "is a flag"),
        (["--steps", "3"], "page.py needs --data"),
        (["more"], "more: what is this?"),
    ],
)
def test_a_wrong_option_is_refused_by_name(page: Path, words: list[str], says: str) -> None:
    done = quick("train", str(page), *words)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 2  # the sentence, and the probe's word


def test_a_recipe_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "info_nce.py").write_text(PAGE)
    assert "did you mean info_nce?" in quick("train", "info_nec", folder=tmp_path).stderr
    assert quick("train", "info_nce", "--help", folder=tmp_path).returncode == 0
    assert "which recipe?" in quick("train", folder=tmp_path).stderr
    assert "stands before the recipe" in quick("train", "--steps", "3", "info_nce", folder=tmp_path).stderr


@pytest.mark.fault("R13")
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("def recipe(", "cannot be read as Python"),
        ("x = 1", "has no function `recipe`"),
        ("def recipe(x: list = 1): ...", "line 1: argument x is annotated list"),
        ("def recipe(x): ...", "argument x is annotated nothing"),
        ("def recipe(x: int = y): ...", "default that is no plain value"),
    ],
)
def test_a_page_that_is_no_recipe(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "page.py"
    path.write_text(text)
    done = quick("train", str(path), "--help")
    assert done.returncode == 2
    assert says in done.stderr


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    assert "Traceback" in mmssl("--debug", "train", str(tmp_path / "none.py")).stderr


@pytest.mark.parametrize(
    ("name", "options", "uses"),
    [
        ("clip", {"width": 16}, "index RUN DATA --out INDEX"),
        ("xdc", {"small": True}, "cluster RUN DATA"),
        ("sync_net", {"small": True}, "sync RUN FILM"),
        ("tcc", {"small": True}, "align RUN FILM FILM"),
    ],
)
def test_names_what_a_model_can_do(name: str, options: dict[str, bool | int | float | str], uses: str) -> None:
    from mmssl.cli.train import uses as found
    from mmssl.training.recipe import Recipe

    objective = Recipe(Path(__file__).parents[2] / "recipes" / f"{name}.py", options).build().objective
    told = found(Path("RUN"), objective)
    assert told[0] == "mmssl evaluate RUN HELD_OUT"
    assert told[1] == f"mmssl {uses}"
