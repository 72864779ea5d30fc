"""The options of a recipe, read from its source.

Importing it would import torch, seconds before a misspelt option could be named.
"""

import ast
import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from mmssl.cli.suggest import nearest
from mmssl.errors import UsageError

Argument = bool | int | float | str
_TYPES: dict[str, type[Argument]] = {"bool": bool, "int": int, "float": float, "str": str}
_REQUIRED = object()


@dataclass(frozen=True)
class Option:
    """One argument of a recipe's function."""

    name: str
    kind: type[Argument]
    default: object  # _REQUIRED when there is none
    help: str

    @property
    def flag(self) -> str:
        """As it is typed."""
        return "--" + self.name.replace("_", "-")

    @property
    def required(self) -> bool:
        """Whether it must be given."""
        return self.default is _REQUIRED

    def parse(self, text: str) -> Argument:
        """What was typed as what it means.

        Raises:
            UsageError: it is of another type.
        """
        try:
            return self.kind(text)
        except ValueError as error:
            raise UsageError(f"{self.flag} {text}: is no {_WORDS[self.kind]}; give one") from error


_WORDS: dict[type[Argument], str] = {int: "whole number", float: "number", str: "text", bool: "flag"}


def find_recipe(name: str, shelves: Sequence[Path]) -> Path:
    """A path, or the bare name of a page in one of the shelves.

    Raises:
        UsageError: there is none of that name.
    """
    if Path(name).is_file():
        return Path(name)
    stem = name.removesuffix(".py")
    for shelf in shelves:
        if (shelf / f"{stem}.py").is_file():
            return shelf / f"{stem}.py"
    known = sorted({path.stem for shelf in shelves for path in shelf.glob("*.py")})
    there = f" (recipes here: {', '.join(known)})" if known else ""
    raise UsageError(f"{name}: no such recipe{nearest(Path(stem).name, known) or '; give the path of a page'}{there}")


@dataclass(frozen=True)
class Page:
    """What a recipe's source says about itself."""

    path: Path
    about: str  # its docstring: what it trains, how it is called, and where that comes from
    options: tuple[Option, ...]


def read_page(path: Path) -> Page:
    """Read a recipe without running it.

    Raises:
        UsageError: it is no Python, has no function `recipe`, or an argument whose type is none of the four.
    """
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"), path.name)
    except (OSError, SyntaxError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read as Python, {error}") from error
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "recipe"]
    if not functions:
        raise UsageError(f"{path}: has no function `recipe`; write one that returns a mmssl.run.Run")
    function = functions[-1]
    helps = _argument_helps(ast.get_docstring(function) or "")
    plain = function.args.posonlyargs + function.args.args
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(function.args.defaults))
    pairs = list(zip(plain, [*defaults, *function.args.defaults], strict=True))
    pairs += list(zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True))
    options = tuple(_option(path, argument, default, helps) for argument, default in pairs)
    return Page(path, ast.get_docstring(tree) or "", options)


def _option(path: Path, argument: ast.arg, default: ast.expr | None, helps: dict[str, str]) -> Option:
    where = f"{path}, line {argument.lineno}: argument {argument.arg}"
    annotation = "" if argument.annotation is None else ast.unparse(argument.annotation)
    if annotation not in _TYPES:
        raise UsageError(f"{where} is annotated {annotation or 'nothing'}; make it one of {', '.join(_TYPES)}")
    try:
        value = _REQUIRED if default is None else ast.literal_eval(default)
    except ValueError as error:
        raise UsageError(f"{where} has a default that is no plain value; write it out") from error
    return Option(argument.arg, _TYPES[annotation], value, helps.get(argument.arg, ""))


def _argument_helps(docstring: str) -> dict[str, str]:
    """The lines of the section `Args:`, by argument."""
    section = re.search(r"^Args:\n((?:[ \t]+.*\n?|\n)*)", inspect.cleandoc(docstring), re.MULTILINE)
    helps: dict[str, str] = {}
    name = ""
    for line in inspect.cleandoc("\n" + section.group(1)).splitlines() if section else []:
        if match := re.match(r"(\w+)(?: \([^)]*\))?:\s*(.*)", line):
            name, helps[match[1]] = match[1], match[2]
        elif name and line.strip():
            helps[name] += " " + line.strip()
    return helps


def parse_options(page: Page, words: Sequence[str], others: Sequence[str]) -> dict[str, Argument]:
    """What was typed for the recipe, as arguments of its function.

    Args:
        page: of the recipe.
        words: what the command itself did not know, such as `["--steps", "300", "--lr=0.1"]`.
        others: the command's own options, which a misspelling may have meant.

    Raises:
        UsageError: an option that is not there, has no value, or one of another type; an argument that must be
            given and is called as an option of the command.
    """
    known: dict[str, tuple[Option, bool | None]] = {}
    for option in page.options:
        if option.required and option.flag in others:
            raise UsageError(
                f"{page.path}: argument {option.name} can never be given, as {option.flag} is an option of the command "
                "itself; give it another name"
            )
        known[option.flag] = (option, True if option.kind is bool else None)
        if option.kind is bool:
            known["--no-" + option.flag[2:]] = (option, False)
    arguments: dict[str, Argument] = {}
    rest = list(words)
    while rest:
        word, has_value, value = rest.pop(0).partition("=")
        if not word.startswith("--"):
            raise UsageError(f"{word}: what is this? {page.path.name} takes options alone, after its name")
        flag = word.replace("_", "-")
        if flag not in known:
            near = nearest(flag, [*known, *others]) or f"; it has {', '.join(option.flag for option in page.options)}"
            raise UsageError(f"{page.path.name} has no option {word}{near}")
        option, meaning = known[flag]
        if meaning is not None:
            if has_value:
                raise UsageError(f"{word} is a flag and takes no value; give {option.flag} or --no-{option.flag[2:]}")
            arguments[option.name] = meaning
            continue
        if not has_value and (not rest or rest[0].startswith("--")):
            raise UsageError(f"{word} needs a value; give a {_WORDS[option.kind]}")
        arguments[option.name] = option.parse(value if has_value else rest.pop(0))
    return arguments


def completed(page: Page, typed: Mapping[str, Argument]) -> dict[str, Argument]:
    """What was typed and the defaults of the rest.

    Raises:
        UsageError: one without a default was not typed.
    """
    missing = [option.flag for option in page.options if option.required and option.name not in typed]
    if missing:
        raise UsageError(f"{page.path.name} needs {', '.join(missing)}; see mmssl train {page.path} --help")
    defaults = {option.name: option.default for option in page.options if not option.required}
    return cast("dict[str, Argument]", {**defaults, **typed})


def describe(page: Page) -> str:
    """The options as a help text."""
    rows = []
    for option in page.options:
        typed = (
            f"{option.flag}/--no-{option.flag[2:]}" if option.kind is bool else f"{option.flag} {option.kind.__name__}"
        )
        rows.append((typed, option.help, "required" if option.required else f"default {option.default!r}"))
    width = max((len(row[0]) for row in rows), default=0)
    lines = [f"  {typed:<{width}}  {help + ' ' if help else ''}[{default}]" for typed, help, default in rows]
    return "\n".join([f"Options of {page.path}:", *lines])
