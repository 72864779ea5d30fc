"""What a person has at hand (words, arrays, pictures) in the form that a model reads."""

import struct
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from torch.nn import functional

from mmssl.applications.windows import window_starts
from mmssl.batch import Batch
from mmssl.data.clip import ClipFormat
from mmssl.data.decode.access import checked
from mmssl.errors import Fault, MediaError, UsageError

Array = NDArray[np.generic] | Tensor
# Of Pillow's forty: others hand the file to another program (EPS to Ghostscript), or nobody has looked at in years.
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
PIXELS = 100_000_000  # of one picture; the largest sensors of phones have more, and 0.3 GB is enough for a question
LARGEST = 1 << 29  # bytes of its file
LOUDEST = 16.0  # what a lossy decoder or a mix overshoots is far below, what counts in bits is far above


def one_file(path: str | Path) -> str | Path:
    """The same.

    Raises:
        UsageError: it is a folder.
    """
    if Path(path).is_dir():
        raise UsageError(f"{path} is a folder; give one file, or ask embed_archive for all that is in it")
    return path


def text_batch(texts: Sequence[str], format: ClipFormat) -> Batch:
    """`n` captions.

    Raises:
        UsageError: the model has no tokenizer, or a text has no word that it knows.
    """
    if format.tokenizer is None:
        raise UsageError("this model was trained without text, so it knows no words; search by --audio or --video")
    tokens = format.tokenizer(texts, format.words)
    for text, known in zip(texts, (tokens >= 0).any(1).tolist(), strict=True):
        if not known:
            raise UsageError(f"{text!r} holds no word; write what is seen or heard")
    return Batch(text=tokens.unsqueeze(1))


def image_batch(image: str | Path | Image.Image | Array, format: ClipFormat) -> Batch:
    """One picture, as a film in which nothing moves.

    Raises:
        MediaError: the file is missing or no picture.
        UsageError: an array is not `[H, W, 3]` uint8.
    """
    if isinstance(image, str | Path):
        picture = _opened(Path(image))
    elif isinstance(image, Image.Image):
        picture = image
    else:
        picture = Image.fromarray(_uint8(image, 3, "image"))
    size = (format.pixels, format.pixels)
    square = ImageOps.fit(ImageOps.exif_transpose(picture).convert("RGB"), size, Image.Resampling.BILINEAR)
    frame = torch.from_numpy(np.array(square)).permute(2, 0, 1)
    return Batch(video=frame.expand(1, format.frames, -1, -1, -1).contiguous())


def _opened(path: Path) -> Image.Image:
    name = str(path)
    place = checked(name, name, LARGEST)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # refused below, at a lower limit
            image = Image.open(place if isinstance(place, str) else name, formats=FORMATS)
        with image:
            if image.width * image.height > PIXELS:
                detail = f"a picture of {image.width}x{image.height}, the limit is {PIXELS} pixels; scale it down"
                raise MediaError(name, Fault.TOO_LARGE, detail)
            image.load()
            return image
    except Image.DecompressionBombError as error:
        raise MediaError(name, Fault.TOO_LARGE, "a picture of far too many pixels; scale it down") from error
    # Pillow calls a damaged chunk of a PNG a SyntaxError, and text that unpacks to too much a ValueError.
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
        raise MediaError(name, Fault.UNRECOGNIZED, f"not a picture that can be read ({error!s:.200})") from error


def video_batch(video: Array, format: ClipFormat) -> Batch:
    """Frames `[T, H, W, 3]` uint8 as one clip, whatever T: evenly chosen, cropped around the center and scaled.

    Raises:
        UsageError: it is no such array.
    """
    frames = torch.from_numpy(_uint8(video, 4, "video"))
    chosen = ((torch.arange(format.frames) + 0.5) * len(frames) / format.frames).long()
    picture = frames[chosen].permute(0, 3, 1, 2)
    side = min(picture.shape[2:])
    top, left = ((length - side) // 2 for length in picture.shape[2:])
    square = picture[:, :, top : top + side, left : left + side].float()
    size = (format.pixels, format.pixels)
    scaled = functional.interpolate(square, size, mode="bilinear", antialias=True)
    return Batch(video=scaled.round().clamp(0, 255).byte().unsqueeze(0))


def audio_batch(audio: Array, format: ClipFormat, sample_rate: int | None, stride: float) -> Batch:
    """Samples `[S]` in [-1, 1], or `[S, channels]`, as windows; less than one is followed by silence.

    Args:
        audio: the samples.
        format: of the model.
        sample_rate: of the samples; the model's own when None.
        stride: seconds between windows; the last one ends with the sound, as that of a file does.

    Raises:
        UsageError: it is no such array.
    """
    given = np.asarray(audio)
    expected = "audio as an array is [samples] or [samples, channels], finite floating point in [-1, 1]"
    if given.ndim not in (1, 2) or not given.size:
        raise UsageError(f"{expected}, not {list(given.shape)}")
    if given.ndim == 2 and given.shape[1] > given.shape[0]:
        raise UsageError(f"{expected}, not {list(given.shape)}; of [channels, samples] give the transpose")
    if not np.issubdtype(given.dtype, np.floating):
        raise UsageError(f"{expected}, not {given.dtype}; divide 16-bit samples by 32768")
    samples = given.astype(np.float32)
    if not np.isfinite(samples).all() or np.abs(samples).max() > LOUDEST:
        raise UsageError(f"{expected}, not {samples.min():g} to {samples.max():g}; divide 16-bit samples by 32768")
    samples = samples.mean(1) if samples.ndim == 2 else samples
    if sample_rate is not None and sample_rate != format.sample_rate:
        import soxr

        samples = soxr.resample(samples, sample_rate, format.sample_rate)
    seconds = len(samples) / format.sample_rate
    first = np.round(window_starts(0.0, seconds, format.seconds, stride) * format.sample_rate).astype(int)
    padded = np.pad(samples, (0, max(first[-1] + format.samples - len(samples), 0)))
    return Batch(audio=torch.from_numpy(np.stack([padded[start : start + format.samples] for start in first])))


def _uint8(array: Array, axes: int, name: str) -> NDArray[np.uint8]:
    pixels = np.asarray(array)
    if pixels.dtype != np.uint8 or pixels.ndim != axes or pixels.shape[-1] != 3 or 0 in pixels.shape:
        shape = "[H, W, 3]" if axes == 3 else "[T, H, W, 3]"
        raise UsageError(f"{name} as an array is {shape} uint8, RGB, not {list(pixels.shape)} {pixels.dtype}")
    return np.ascontiguousarray(pixels)
