"""A whole recording, whatever its length, as overlapping windows of the length that a model was trained on."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from mmssl.batch import Batch, Modality
from mmssl.data.clip import ClipFormat
from mmssl.data.decode.reader import Media
from mmssl.errors import Fault, MediaError


def window_starts(begin: float, end: float, seconds: float, stride: float) -> NDArray[np.float64]:
    """`[n]` seconds; the last window ends with the recording, and one that is shorter than a window has one.

    Args:
        begin: of the recording, seconds.
        end: of the recording.
        seconds: of a window.
        stride: seconds from one start to the next.
    """
    room = end - begin - seconds
    if room <= 0:
        return np.array([begin])
    starts: NDArray[np.float64] = begin + stride * np.arange(int(room / stride) + 1, dtype=np.float64)
    # A rest of less than a tenth of the stride is not worth a window.
    if room - (starts[-1] - begin) >= stride / 10:
        starts = np.concatenate([starts, [end - seconds]])
    return starts


def recorded(media: Media, name: str, wanted: Sequence[Modality], each: bool) -> list[Modality]:
    """Which of the wanted modalities a recording has.

    Args:
        media: the open recording.
        name: of it, for messages.
        wanted: modalities; text is never in a recording.
        each: every one of them must be there, else one is enough.

    Raises:
        MediaError: it lacks them.
    """
    there: dict[Modality, bool] = {"video": media.info.video is not None, "audio": media.info.audio is not None}
    found = [modality for modality in wanted if there.get(modality, False)]
    missing = [modality for modality in wanted if modality in there and not there[modality]]
    if not found or (each and missing):
        fault = Fault.NO_AUDIO if "audio" in missing else Fault.NO_VIDEO
        raise MediaError(name, fault, f"it has no {' and no '.join(missing)} to embed")
    return found


def frame_times(starts: NDArray[np.float64], format: ClipFormat) -> NDArray[np.float64]:
    """`[n, T]` seconds at which the pictures of each window stand, as in training."""
    return starts[:, None] + (np.arange(format.frames) + 0.5) * format.seconds / format.frames


def read_windows(
    media: Media,
    starts: Sequence[float] | NDArray[np.float64],
    format: ClipFormat,
    modalities: Sequence[Modality],
    *,
    chunk: int = 16,
    height_width: tuple[int, int] | None = None,
) -> Iterator[Batch]:
    """Batches of at most `chunk` windows, in order; where the sound has ended is silence, the last picture stays.

    Pictures that neighbors share are decoded once.

    Args:
        media: the open recording.
        starts: seconds, ascending.
        format: of a window.
        modalities: video, audio or both; those that the recording has.
        chunk: windows at once.
        height_width: of the pictures; a square of the format's pixels if not given.

    Raises:
        MediaError: as `Media.frames` and `Media.sound`.
    """
    starts = np.asarray(starts, np.float64)
    size = height_width or (format.pixels, format.pixels)
    for first in range(0, len(starts), chunk):
        part = starts[first : first + chunk]
        rows: dict[str, torch.Tensor] = {
            "start": torch.from_numpy(part),
            "seed": torch.arange(first, first + len(part)),
            "group": torch.zeros(len(part), dtype=torch.int64),
        }
        if "video" in modalities:
            # To the microsecond, so that a time that two windows share is one.
            times, place = np.unique(np.round(frame_times(part, format), 6), return_inverse=True)
            frames = media.frames(times.tolist(), size)
            place = place.reshape(len(part), format.frames)
            rows["video"] = torch.from_numpy(frames.pixels[place]).permute(0, 1, 4, 2, 3)
            rows["video_times"] = torch.from_numpy(frames.times[place])
        if "audio" in modalities:
            offsets = np.round((part - part[0]) * format.sample_rate).astype(np.int64)
            whole = media.sound(float(part[0]), int(offsets[-1]) + format.samples, format.sample_rate)
            rows["audio"] = torch.from_numpy(np.stack([whole[o : o + format.samples] for o in offsets]))
        yield Batch(keys=tuple(f"{start:.2f} s" for start in part), **rows)
