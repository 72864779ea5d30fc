"""What training changes, as named tensors and back."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from mmssl.errors import CheckpointError, TrainingError
from mmssl.objective import Objective
from mmssl.training.checkpoint import Checkpoint
from mmssl.training.ema import Ema
from mmssl.training.optimizer import names, trained
from mmssl.training.sharding import like, whole


def load_weights(objective: Objective, weights: dict[str, Tensor], source: str) -> None:
    """Put saved weights into an objective, all of them or none.

    Raises:
        CheckpointError: a name is missing or unknown, or a shape or type differs.
    """
    own = objective.state_dict()
    # Of what has no rows yet, such as a label for each recording, the objective learns how many there are.
    empty = {name for name, tensor in own.items() if tensor.shape[:1] == (0,)}
    missing, unknown = sorted(own.keys() - weights.keys()), sorted(weights.keys() - own.keys())
    if missing or unknown:
        raise CheckpointError(f"{source}: of another model; missing {missing[:5]}, unknown {unknown[:5]}")
    for name, tensor in own.items():
        saved = weights[name]
        first = int(name in empty)
        if saved.shape[first:] != tensor.shape[first:] or saved.dtype != tensor.dtype:
            found, wanted = (f"{tuple(t.shape)} {t.dtype}" for t in (saved, tensor))
            raise CheckpointError(f"{source}: of another model; {name} is {found}, not {wanted}")
    objective.load_state_dict(
        {name: weights[name] if name in empty else like(weights[name], tensor) for name, tensor in own.items()}
    )


def gathered(objective: Objective) -> dict[str, Tensor]:
    """Its weights and buffers, whole on process 0 where they are divided; all processes ask."""
    return {name: whole(tensor) for name, tensor in objective.state_dict().items()}


@dataclass(frozen=True)
class State:
    """Objective, optimizer and average; random numbers are none, as each step makes its own from (seed, step)."""

    objective: Objective
    optimizer: torch.optim.Optimizer
    ema: Ema

    def parts(self) -> dict[str, dict[str, Tensor]]:
        """Everything that a checkpoint holds; an optimizer's tensor is called `<which>/<parameter>`.

        All processes ask; where weights are divided among them, process 0 alone gets them whole.
        """
        of = names(self.objective, self.optimizer)
        moments = {
            f"{which}/{of[parameter]}": value
            for parameter, values in self.optimizer.state.items()
            for which, value in values.items()
        }
        parts = {"model": self.objective.state_dict(), "optimizer": moments}
        parts |= {"ema": self.ema.averages} if self.ema.decay else {}
        return {part: {name: whole(tensor) for name, tensor in tensors.items()} for part, tensors in parts.items()}

    @contextmanager
    def renewing(self) -> Iterator[None]:
        """A parameter that is written within this block begins anew, without its moments and its average."""
        parameters = trained(self.objective)
        versions = {name: parameter._version for name, parameter in parameters.items()}  # torch counts its writes
        yield
        for name, parameter in parameters.items():
            if parameter._version != versions[name]:
                self.optimizer.state.pop(parameter, None)
                self.ema.restart(name)

    def check_finite(self, step: int, weights: dict[str, Tensor]) -> None:
        """Never let weights that are lost push the last good ones out.

        Raises:
            TrainingError: one of what is trained is not finite; steps never make it so, but an `after_step` can.
        """
        for name in trained(self.objective):
            if not weights[name].isfinite().all():
                raise TrainingError(f"step {step}: {name} is not finite; not saved, the checkpoints are untouched")

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
        parameters = trained(self.objective)
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in moments.items():
            which, _, name = key.partition("/")
            if name not in numbers:
                raise CheckpointError(f"{source}: the optimizer's {key} belongs to no parameter of this run")
            own = parameters[name]
            # In memory as the weight is: the fused optimizer goes through both side by side.
            state.setdefault(numbers[name], {})[which] = like(value, own) if value.shape == own.shape else value
        # The groups are this run's own, which a resumed run has made again from the same recipe.
        self.optimizer.load_state_dict({"state": state, "param_groups": self.optimizer.state_dict()["param_groups"]})
