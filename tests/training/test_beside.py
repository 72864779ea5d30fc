"""A recipe may import what lies beside it, and its run folder needs nothing else later."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mmssl.errors import UsageError
from mmssl.training.folder import load_run, resumed_recipe
from mmssl.training.known import is_known, remember
from mmssl.training.loop import train
from mmssl.training.recipe import Recipe

OWN = """
from widths import WIDTH
from parts.losses import twice


class Own(Agreement):
    width = WIDTH

    def forward(self, batch):
        loss, terms = super().forward(batch)
        return twice(loss), terms


def recipe("""
Make = Callable[[str, int], Recipe]


@pytest.fixture
def make(page: Path, recordings: Path, tmp_path: Path) -> Make:
    """The tiny recipe in a folder of its own, with its own objective, a module and a package beside it."""

    def made(name: str, width: int) -> Recipe:
        folder = tmp_path / name
        (folder / "parts").mkdir(parents=True)
        text = page.read_text().replace("objective = Agreement(", "objective = Own(")
        (folder / "own.py").write_text(text.replace("def recipe(", OWN.strip(), 1))
        (folder / "widths.py").write_text(f"WIDTH = {width}\n")
        (folder / "unused.py").write_text("raise RuntimeError\n")
        (folder / "parts" / "__init__.py").write_text("")
        (folder / "parts" / "losses.py").write_text("def twice(loss):\n    return 2 * loss\n")
        return Recipe(folder / "own.py", {"data": str(recordings), "steps": 2})

    return made


def test_a_run_folder_has_what_its_recipe_imports(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, width in (("a", 3), ("b", 4)):
        recipe = make(name, width)
        train(recipe.build(), tmp_path / "runs" / name, recipe=recipe)
        shutil.rmtree(tmp_path / name)
    kept = {path.relative_to(tmp_path / "runs" / "a").as_posix() for path in (tmp_path / "runs" / "a").rglob("*.py")}
    assert kept == {"recipe.py", "widths.py", "parts/__init__.py", "parts/losses.py"}
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    shutil.move(tmp_path / "runs", tmp_path / "moved")
    # Each has its own, though both are called the same.
    assert [load_run(tmp_path / "moved" / name).objective.width for name in ("a", "b", "a")] == [3, 4, 3]
    assert not any(type(finder).__module__ == "mmssl.training.beside" for finder in sys.meta_path)


def test_a_module_that_has_changed_is_named(
    make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MMSSL_CACHE", str(tmp_path / "cache"))
    recipe, run = make("a", 3), tmp_path / "run"
    train(recipe.build(), run, recipe=recipe)
    kept = resumed_recipe(run, recipe.path, {})
    assert not caplog.records
    (tmp_path / "a" / "widths.py").write_text("WIDTH = 5\n")
    assert kept.build().objective.width == 3
    resumed_recipe(run, recipe.path, {})
    assert f"{tmp_path / 'a' / 'widths.py'} has changed" in caplog.text
    # Who trusts a run trusts these modules, not others of their name.
    remember(kept)
    assert is_known(kept)
    (run / "parts" / "losses.py").write_text("def twice(loss):\n    return 3 * loss\n")
    assert not is_known(kept)


def test_what_cannot_be_kept_or_found_is_named(make: Make, tmp_path: Path) -> None:
    recipe = make("a", 3)
    shutil.move(tmp_path / "a" / "widths.py", tmp_path / "a" / "recipe.py")
    with pytest.raises(UsageError, match=r"No module named 'widths'; .* lay that beside it"):
        recipe.build()
    recipe.path.write_text(recipe.path.read_text().replace("from widths", "from recipe"))
    with pytest.raises(UsageError, match=r"recipe\.py: a run folder has its own"):
        train(recipe.build(), tmp_path / "run", recipe=recipe)
