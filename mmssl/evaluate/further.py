"""`Further`, an evaluation for objectives that can do more than embed, such as tell by how much sound is late."""

from collections.abc import Callable
from dataclasses import dataclass

from mmssl.objective import Objective
from mmssl.run import Evaluation


@dataclass(frozen=True)
class Further:
    """What `mmssl evaluate` adds for the objectives that it suits.

    Attributes:
        name: the first part of its numbers' names.
        suits: whether an objective has the ability; as a rule `isinstance` with a runtime-checkable protocol.
        made: the evaluation, from `clips=`, `limit=` (recordings, 0 for all), `batch_size=` and `workers=`.
    """

    name: str
    suits: Callable[[Objective], bool]
    made: Callable[..., Evaluation]
