from pathlib import Path

import pytest

from mmssl.cli.recipe_options import completed, parse_options, read_page
from mmssl.errors import UsageError

PAGE = '''
def recipe(a: int, b: float = -1.5, /, c_d: str = "x", *, e: bool = True, f: int = 3):
    """Make.

    Args:
        a: first
            goes on.
        c_d (str): third: with a colon.

    Returns:
        f: nothing of the kind.
    """
'''


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "page.py"
    path.write_text(PAGE)
    return path


def test_reads_names_types_defaults_and_helps(path: Path) -> None:
    options = read_page(path).options
    assert [(o.flag, o.kind, o.help) for o in options] == [
        ("--a", int, "first goes on."),
        ("--b", float, ""),
        ("--c-d", str, "third: with a colon."),
        ("--e", bool, ""),
        ("--f", int, ""),
    ]
    assert options[0].required
    assert [o.default for o in options[1:]] == [-1.5, "x", True, 3]


def test_parses_what_was_typed(path: Path) -> None:
    page = read_page(path)
    typed = parse_options(page, ["--a", "-3", "--c_d=y=z", "--no-e", "--b", "1e-3"], [])
    assert typed == {"a": -3, "c_d": "y=z", "e": False, "b": 0.001}
    assert completed(page, typed) == {**typed, "f": 3}
    assert parse_options(page, ["--e"], []) == {"e": True}


def test_an_argument_that_the_command_would_take(path: Path) -> None:
    with pytest.raises(UsageError, match="argument a can never be given, as --a is an option of the command itself"):
        parse_options(read_page(path), [], ["--out", "--a"])
    assert parse_options(read_page(path), ["--a", "3"], ["--out", "--c-d"]) == {"a": 3}  # that one has a default


def test_what_must_be_given_must_be(path: Path) -> None:
    with pytest.raises(UsageError, match="--a"):
        completed(read_page(path), {})
