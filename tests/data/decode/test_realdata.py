"""Every real clip decodes, with the start of its sound where the manifest says."""

import csv
from pathlib import Path

import numpy as np
import pytest

from mmssl.data.captions import MEDIA
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


@pytest.mark.realdata
def test_every_real_clip_by_its_table_as_by_its_container(realdata: Path) -> None:
    draws, tabled = np.random.default_rng(0), 0
    for path in sorted((realdata / "av").rglob("*.*")):
        if path.suffix[1:] not in MEDIA:
            continue
        name = str(path)
        with PyAVReader().open(name, name):  # the first visit
            pass
        with PyAVReader().open(name, name) as ours, PyAVReader(tables=False).open(name, name) as theirs:
            tabled += ours.table is not None
            assert ours.info == theirs.info, name
            end = max(theirs.info.duration - 1.0, 0.0)
            start = draws.uniform(0, end)
            times = np.sort(draws.uniform(start, start + 0.6, 3)).tolist()
            shown, wanted = ours.frames(times, (48, 64)), theirs.frames(times, (48, 64))
            np.testing.assert_array_equal(shown.pixels, wanted.pixels, name)
            np.testing.assert_array_equal(shown.times, wanted.times, name)
            heard, wanted_sound = ours.sound(end / 2, 8_000, 16_000), theirs.sound(end / 2, 8_000, 16_000)
            # The noise in AAC is not the same where more was decoded before.
            atol = 0.1 if theirs.info.audio is not None and theirs.info.audio.codec == "aac" else 0.0
            np.testing.assert_allclose(heard, wanted_sound, rtol=0, atol=atol, err_msg=name)
    # The others are MPEG program streams and an AVI.
    assert tabled == 98
