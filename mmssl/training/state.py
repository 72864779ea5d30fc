"""What training changes, as named tensors and back."""

from dataclasses import dataclass

import torch
from torch import Tensor

from mmssl.errors import CheckpointError
from mmssl.objective import Objective
from mmssl.training.checkpoint import Checkpoint
from mmssl.training.ema import Ema
from mmssl.training.optimizer import names


def load_weights(objective: Objective, weights: dict[str, Tensor], source: str) -> None:
    """Put saved weights into an objective, all of them or none.

    Raises:
        CheckpointError: a name is missing or unknown, or a shape or type differs.
    """
    own = objective.state_dict()
    missing, unknown = sorted(own.keys() - weights.keys()), sorted(weights.keys() - own.keys())
    if missing or unknown:
        raise CheckpointError(f"{source}: of another model; missing {missing[:5]}, unknown {unknown[:5]}")
    for name, tensor in own.items():
        saved = weights[name]
        if saved.shape != tensor.shape or saved.dtype != tensor.dtype:
            found, wanted = (f"{tuple(t.shape)} {t.dtype}" for t in (saved, tensor))
            raise CheckpointError(f"{source}: of another model; {name} is {found}, not {wanted}")
    objective.load_state_dict(weights)


@dataclass(frozen=True)
class State:
    """Objective, optimizer and average; random numbers are none, as each step makes its own from (seed, step)."""

    objective: Objective
    optimizer: torch.optim.Optimizer
    ema: Ema

    def parts(self) -> dict[str, dict[str, Tensor]]:
        """Everything that a checkpoint holds; an optimizer's tensor is called `<which>/<parameter>`."""
        of = names(self.objective, self.optimizer)
        moments = {
            f"{which}/{of[parameter]}": value
            for parameter, values in self.optimizer.state.items()
            for which, value in values.items()
        }
        parts = {"model": self.objective.state_dict(), "optimizer": moments}
        return {**parts, "ema": self.ema.averages} if self.ema.decay else parts

    def load(self, checkpoint: Checkpoint) -> None:
        """Become what was saved.

        Raises:
            CheckpointError: it is of another model, or of a run with another `ema`.
        """
        source = f"checkpoint of step {checkpoint.step}"
        load_weights(self.objective, checkpoint.parts["model"], source)
        if set(checkpoint.parts.get("ema", {})) != set(self.ema.averages):
            raise CheckpointError(f"{source}: its averaged weights are not those of this run; was `ema` changed?")
        self.ema.load(checkpoint.parts.get("ema", {}))
        self._load_moments(checkpoint.parts["optimizer"], source)

    def _load_moments(self, moments: dict[str, Tensor], source: str) -> None:
        numbers = {name: number for number, name in enumerate(names(self.objective, self.optimizer).values())}
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in moments.items():
            which, _, name = key.partition("/")
            if name not in numbers:
                raise CheckpointError(f"{source}: the optimizer's {key} belongs to no parameter of this run")
            state.setdefault(numbers[name], {})[which] = value
        # The groups are this run's own, which a resumed run has made again from the same recipe.
        self.optimizer.load_state_dict({"state": state, "param_groups": self.optimizer.state_dict()["param_groups"]})
