"""Modalities as an option: `video,audio`."""

from typing import TYPE_CHECKING

from mmssl.cli.suggest import nearest
from mmssl.errors import UsageError

if TYPE_CHECKING:
    from mmssl.batch import Modality


def parsed(option: str, text: str) -> "tuple[Modality, ...] | None":
    """None for "".

    Raises:
        UsageError: there is no such modality.
    """
    from mmssl.batch import MODALITIES

    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in MODALITIES:
            near = nearest(name, MODALITIES)
            raise UsageError(f"{option} takes {', '.join(MODALITIES)}, with commas, not {name!r}{near}")
    return tuple(modality for modality in MODALITIES if modality in names) or None
