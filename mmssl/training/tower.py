"""One encoder out of a run, for another run to begin with."""

from pathlib import Path

from mmssl.encoder import Encoder
from mmssl.errors import UsageError
from mmssl.modules.pretrained import load_weights, wanted
from mmssl.modules.tower_policy import TowerPolicy
from mmssl.training.folder import newest_checkpoint


def begun(encoder: Encoder, policy: TowerPolicy, folder: str) -> Encoder:
    """The encoder, filled from the one of its modality in a run folder if its policy is `pretrained`.

    Of a run, weights alone are read, the newest and the averaged ones if kept; its recipe is not run. Within
    `without_pretrained`, as when the new run is opened later, nothing is read.

    Args:
        encoder: built as that of the run was.
        policy: of the tower.
        folder: of the run; "" if none is given.

    Raises:
        UsageError: the policy wants weights and no folder is given, or they are of another encoder.
        CheckpointError: there is no checkpoint, or it is damaged.
    """
    if not policy.pretrained or not wanted(True):
        return encoder
    if not folder:
        raise UsageError(f"the {encoder.modality} tower is to begin pretrained, but no run is given for it; name one")
    prefix = f"encoders.{encoder.modality}."
    weights = newest_checkpoint(Path(folder)).weights
    own = {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
    load_weights(encoder, own, f"{encoder.modality} of {folder}")
    return encoder
