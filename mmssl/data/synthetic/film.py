"""Pictures and sound to an MP4: H.264 and AAC with the same settings for every clip."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray


def write(path: Path, frames: NDArray[np.uint8], sound: NDArray[np.float32], fps: int, sample_rate: int) -> None:
    """One file; equal input gives equal bytes.

    Args:
        path: of the file, which is overwritten.
        frames: `[T, H, W, 3]` RGB.
        sound: `[S]` in [-1, 1].
        fps: frames a second.
        sample_rate: samples a second.
    """
    # `bitexact` leaves out the time and the version of the writer.
    with av.open(str(path), "w", format="mp4", options={"fflags": "+bitexact", "movflags": "+faststart"}) as container:
        # One thread: x264 divides the work, and thereby the bits, by their number.
        options = {"preset": "ultrafast", "crf": "20", "g": "25", "threads": "1"}
        video = container.add_stream("libx264", rate=fps, options=options)
        video.height, video.width, video.pix_fmt = frames.shape[1], frames.shape[2], "yuv420p"
        video.codec_context.thread_count = 1
        audio = container.add_stream("aac", rate=sample_rate, options={"aac_coder": "fast"})
        audio.layout, audio.bit_rate = "mono", 64_000
        for number, pixels in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            # Here, as the encoder would otherwise do it with a pool of threads that costs more than the conversion.
            picture = picture.reformat(format="yuv420p", threads=1)
            picture.pts, picture.time_base = number, Fraction(1, fps)
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
        samples = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
        samples.sample_rate, samples.pts, samples.time_base = sample_rate, 0, Fraction(1, sample_rate)
        container.mux(audio.encode(samples))
        container.mux(audio.encode(None))
