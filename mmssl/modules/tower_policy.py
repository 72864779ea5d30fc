"""How the two towers of a picture-text model begin and whether they move: the letters of LiT, each parsed once."""

from typing import NamedTuple

from mmssl.encoder import Encoder
from mmssl.errors import UsageError


class TowerPolicy(NamedTuple):
    """Of one tower."""

    pretrained: bool  # begins from weights that are given; otherwise as it was drawn
    trained: bool  # moves; otherwise all of it stays, running statistics of norms too, and dropout is off

    def prepare(self, encoder: Encoder) -> Encoder:
        """Without gradient where it does not move."""
        encoder.requires_grad_(self.trained)
        return self.hold(encoder)

    def hold(self, encoder: Encoder) -> Encoder:
        """In eval mode where it does not move, whatever mode the objective has just been put into."""
        return encoder if self.trained else encoder.eval()


class Towers(NamedTuple):
    """Of picture and text."""

    video: TowerPolicy
    text: TowerPolicy


LOCKED, PRETRAINED, SCRATCH = TowerPolicy(True, False), TowerPolicy(True, True), TowerPolicy(False, True)
LIT = Towers(LOCKED, SCRATCH)
_LETTERS = {"L": LOCKED, "U": PRETRAINED, "u": SCRATCH}


def towers(letters: str) -> Towers:
    """Picture's letter, then text's: L locked and pretrained, U unlocked and pretrained, u unlocked and random.

    Zhai et al. 2022 (LiT), section 3.2.

    Raises:
        UsageError: other letters, or not two.
    """
    if len(letters) != 2 or not set(letters) <= set(_LETTERS):
        raise UsageError(f"towers are two letters, of picture and of text, each L, U or u, not {letters!r}; LiT is Lu")
    return Towers(*(_LETTERS[letter] for letter in letters))
