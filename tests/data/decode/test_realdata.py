"""Every real clip decodes, with the start of its sound where the manifest says."""

import csv
from pathlib import Path

import numpy as np
import pytest

from mmssl.data.decode.pyav import PyAVReader
from mmssl.errors import MediaError


@pytest.mark.realdata
def test_every_real_clip(realdata: Path) -> None:
    with (realdata / "MANIFEST.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["kind"] == "av"]
    failed: list[MediaError] = []
    for row in rows:
        try:
            with PyAVReader().open(str(realdata / row["file"]), row["file"]) as media:
                video, audio = media.info.video, media.info.audio
                assert video is not None
                assert audio is not None
                # Late sound and late picture alike.
                assert abs(audio.start - video.start - float(row["av_start_delta"])) < 0.001, row["file"]
                assert abs(media.info.duration - float(row["duration"])) < 0.1, row["file"]
                middle = max(0.0, media.info.duration / 2 - 0.5)
                times = middle + (np.arange(4) + 0.5) / 4
                frames = media.frames(times.tolist(), (64, 64))
                assert (frames.times[times > video.start] <= times[times > video.start] + 0.001).all(), row["file"]
                assert media.sound(middle, 16_000, 16_000).shape == (16_000,)
        except MediaError as error:
            failed.append(error)
    assert len(rows) == 107
    assert not failed
