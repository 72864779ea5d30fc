"""A recipe: a Python page whose function `recipe` returns a `Run`."""

import importlib.util
import inspect
import sys
from dataclasses import dataclass, field
from pathlib import Path

import torch

from mmssl.errors import UsageError
from mmssl.run import Run

Argument = bool | int | float | str


@dataclass(frozen=True)
class Recipe:
    """The page and what its function is called with; the rest are its defaults."""

    path: Path
    arguments: dict[str, Argument] = field(default_factory=dict)

    def build(self) -> Run:
        """The experiment, its weights drawn from the recipe's argument `seed` (0 where it has none).

        Raises:
            UsageError: the page is not there, cannot be imported, has no function `recipe`, or that takes other
                arguments or returns something else.
        """
        spec = importlib.util.spec_from_file_location(f"recipe_{self.path.stem}", self.path)
        if spec is None or spec.loader is None or not self.path.is_file():
            raise UsageError(f"{self.path}: no Python file; give the path of a recipe")
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # where pickle and dataclasses look for what the page defines
        try:
            spec.loader.exec_module(module)
        except (SyntaxError, ImportError) as error:
            raise UsageError(f"{self.path}: cannot be imported, {error}; mend it or install what it needs") from error
        function = getattr(module, "recipe", None)
        if not callable(function):
            raise UsageError(f"{self.path}: has no function `recipe`; write one that returns a mmssl.run.Run")
        try:
            bound = inspect.signature(function).bind(**self.arguments)
        except TypeError as error:
            raise UsageError(f"{self.path}: `recipe` cannot be called so, {error}; see its arguments") from error
        bound.apply_defaults()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(bound.arguments.get("seed", 0)))
            run = function(*bound.args, **bound.kwargs)
        if not isinstance(run, Run):
            raise UsageError(f"{self.path}: `recipe` returned a {type(run).__name__}; it must return a mmssl.run.Run")
        return run
