"""`Clip`, a few seconds of one recording with their pictures, sound and words, and what it is to hold."""

from dataclasses import dataclass

from torch import Tensor

from mmssl.batch import MODALITIES, Modality
from mmssl.data.tokens import Tokenizer
from mmssl.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class ClipFormat:
    """What a clip holds.

    Attributes:
        seconds: of a clip.
        frames: pictures a clip, at start + (i + 0.5) * seconds / frames; 0: no video.
        pixels: height and width.
        sample_rate: Hz; 0: no sound.
        captions: candidates a clip, those nearest in time; 0: no text. Without a tokenizer there is no text either.
        words: tokens a caption.
        language: ISO 639-1, of the captions to take beside those of unknown language; "" takes all.
        tokenizer: of captions.
        require: modalities without which a recording counts as unreadable; None: all that are asked for but text.
            A modality that may lack is zeros where it does, with False in its `_valid`.
    """

    seconds: float = 2.0
    frames: int = 16
    pixels: int = 112
    sample_rate: int = 16_000
    captions: int = 1
    words: int = 16
    language: str = ""
    tokenizer: Tokenizer | None = None
    require: tuple[Modality, ...] | None = None

    @property
    def samples(self) -> int:
        """Of sound in a clip."""
        return round(self.seconds * self.sample_rate)

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """Those that are asked for."""
        asked = {"video": self.frames > 0, "audio": self.sample_rate > 0, "text": self.has_text}
        return tuple(modality for modality in MODALITIES if asked[modality])

    @property
    def has_text(self) -> bool:
        """Whether captions are asked for and can be."""
        return self.captions > 0 and self.tokenizer is not None

    @property
    def required(self) -> tuple[Modality, ...]:
        """Those without which a recording is no use."""
        return tuple(m for m in self.modalities if m != "text") if self.require is None else self.require

    def check(self) -> None:
        """Refuse what cannot be.

        Raises:
            UsageError: a setting is out of range.
        """
        if not self.seconds > 0 or min(self.frames, self.sample_rate, self.captions) < 0 or not self.modalities:
            raise UsageError("Clips needs seconds above 0, and at least one of frames, sample_rate and captions")
        if (self.frames and self.pixels < 1) or (self.has_text and self.words < 1):
            raise UsageError("Clips needs at least one pixel and one word")
        if surplus := set(self.required) - set(self.modalities):
            raise UsageError(f"Clips requires {', '.join(sorted(surplus))}, which it does not ask for")


@dataclass(frozen=True)
class Clip:
    """One clip; a modality that was not asked for is None, one that lacks is zeros and not valid."""

    key: str
    index: int  # of the recording
    group: int
    label: int
    seed: int
    start: float  # seconds into the recording
    video: Tensor | None  # [T, 3, H, W] uint8, a view of [T, H, W, 3]
    video_times: Tensor | None  # [T] float64
    audio: Tensor | None  # [S] float32
    text: Tensor | None  # [C, L] int64
    text_valid: Tensor | None  # [C] bool
    present: frozenset[Modality]
