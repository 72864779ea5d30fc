"""Self-supervised learning from video, sound and text.

`import mmssl` is quick: torch is imported only when something that needs it is used.

    model = mmssl.load("runs/quickstart")
    model.search("index", text="a red ball bouncing")
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmssl.applications.model import Model

__version__ = "0.1.0"
__all__ = ["load"]


def load(folder: str | Path, device: str = "auto") -> "Model":
    """The model of a run folder, ready to use; see `mmssl.applications.model.load`."""
    from mmssl.applications.model import load as load_model

    return load_model(folder, device)
