"""A recipe: a Python page whose function `recipe` returns a `Run`."""

import importlib.util
import inspect
import sys
from dataclasses import dataclass, field
from pathlib import Path

import torch

from mmssl.errors import UsageError
from mmssl.run import Run
from mmssl.training.beside import SourceLoader, modules_beside

Argument = bool | int | float | str


@dataclass(frozen=True)
class Recipe:
    """The page and what its function is called with; the rest are its defaults.

    Attributes:
        path: of the page; it may import modules that lie beside it.
        arguments: of its function.
        beside: name to file of the modules that it imported from there; `build` finds them out.
    """

    path: Path
    arguments: dict[str, Argument] = field(default_factory=dict)
    beside: dict[str, Path] = field(default_factory=dict, compare=False)

    def build(self) -> Run:
        """The experiment, its weights drawn from the recipe's argument `seed` (0 where it has none).

        Raises:
            UsageError: the page is not there, cannot be imported, has no function `recipe`, or that takes other
                arguments or returns something else.
        """
        if not self.path.is_file():
            raise UsageError(f"{self.path}: no Python file; give the path of a recipe")
        with modules_beside(self.path.absolute().parent) as beside:
            run = self._called()
        self.beside.update(beside)
        return run

    def _called(self) -> Run:
        name = f"recipe_{self.path.stem}"
        spec = importlib.util.spec_from_loader(name, SourceLoader(name, str(self.path)))
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # where pickle and dataclasses look for what the page defines
        try:
            spec.loader.exec_module(module)
        except (SyntaxError, ImportError) as error:
            raise UsageError(
                f"{self.path}: cannot be imported, {error}; mend it, install what it needs, or lay that beside it (a "
                "folder needs an __init__.py)"
            ) from error
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
