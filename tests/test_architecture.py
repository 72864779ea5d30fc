"""Imports go down only, in no circle, and no file is called after nothing."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "mmssl").rglob("*.py"))

# Floors from the ground up; a file may import its own floor and those below.
FLOORS: list[tuple[str, ...]] = [
    ("mmssl", "mmssl.errors"),
    ("mmssl.batch", "mmssl.distributed"),
    ("mmssl.encoder", "mmssl.objective"),
    ("mmssl.modules",),
    ("mmssl.encoders",),
    ("mmssl.objectives", "mmssl.data"),
    ("mmssl.run",),
    ("mmssl.training", "mmssl.evaluate"),
    ("mmssl.applications",),
    ("mmssl.cli",),
]
FORBIDDEN = [("mmssl.objectives", "mmssl.data"), ("mmssl.data", "mmssl.objectives"), ("mmssl.data", "mmssl.encoders")]


def module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path) -> set[str]:
    """Modules of mmssl that a file imports anywhere, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    known = {module(file) for file in FILES}
    own = {n if n in known else n.rpartition(".")[0] for n in names if n.split(".")[0] in {"mmssl", "recipes"}}
    return own - {"mmssl"}


def floor(name: str) -> int:
    depths = [(len(prefix), i) for i, row in enumerate(FLOORS) for prefix in row if f"{name}.".startswith(f"{prefix}.")]
    return max(depths)[1]


@pytest.mark.parametrize("path", FILES, ids=module)
def test_imports_go_down_only(path: Path) -> None:
    name = module(path)
    if name == "mmssl":
        return  # the lazy door to everything
    for other in imported(path):
        assert not other.startswith("recipes"), f"{name} imports a recipe"
        assert floor(other) <= floor(name), f"{name} imports {other}, which stands above it"
        for a, b in FORBIDDEN:
            assert not (f"{name}.".startswith(f"{a}.") and f"{other}.".startswith(f"{b}.")), f"{name} imports {other}"


def test_no_circle() -> None:
    graph = {module(path): imported(path) - {module(path)} for path in FILES if module(path) != "mmssl"}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail, name))
        if name not in done:
            for other in graph.get(name, set()):
                visit(other, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_names_say_something() -> None:
    empty = {"utils", "util", "common", "helpers", "misc", "manager"}
    assert not [path for path in FILES if path.stem in empty]


def test_recipes_import_only_mmssl() -> None:
    for path in sorted((ROOT / "recipes").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                assert all(alias.name.split(".")[0] == "mmssl" for alias in node.names), path
            elif isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] == "mmssl", path


def test_datasets_is_no_package() -> None:
    assert not (ROOT / "datasets" / "__init__.py").exists(), "it would shadow the library of that name"
