"""Self-supervised learning from video, sound and text.

`import mmssl` is quick: torch is imported only when something that needs it is used.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmssl.applications.model import Model

__version__ = "0.1.0"


def load(folder: str | Path, device: str = "auto") -> "Model":
    """The model of a run folder, ready to embed, search and localize.

    Args:
        folder: the `--out` of a training.
        device: auto, cpu, cuda or cuda:1.

    Raises:
        CheckpointError: it is no run folder, has no checkpoint, or is damaged.
        UsageError: there is no such device.
    """
    from mmssl.applications.model import load as load_model

    return load_model(folder, device)
