"""Real films with their sound moved: every picture where it was, the sound elsewhere, nothing lost."""

from pathlib import Path

import numpy as np
import pytest

from mmssl.applications.realign import realign
from mmssl.data.decode.pyav import PyAVReader

pytestmark = pytest.mark.realdata

LATE = 0.24


@pytest.mark.parametrize(
    ("film", "suffix"),
    [
        ("avsync15/lions_roaring.mp4", ".mp4"),
        ("edge/fire2_rotated_vfr.mp4", ".mp4"),
        ("kinetics/flipping_a_pancake.mkv", ".mp4"),
        ("permissive/big_buck_bunny_0_30.webm", ".mkv"),
        ("grid/bbaf2n.mpg", ".mp4"),  # its sound, MP2, is encoded again
    ],
)
def test_a_real_film_is_mended(realdata: Path, tmp_path: Path, film: str, suffix: str) -> None:
    old_path, out = str(realdata / "av" / film), tmp_path / f"out{suffix}"
    written = realign(old_path, out, LATE)
    assert written.copied == ("grid" not in film)
    with PyAVReader().open(old_path, film) as old, PyAVReader().open(str(out), out.name) as new:
        before, after = old.picture_times(), new.picture_times()
        np.testing.assert_allclose(before - before[0], after - after[0], atol=1e-3)
        assert old.info.video is not None
        assert new.info.video is not None
        assert old.info.video.rotation == new.info.video.rotation
        moved = new.info.video.start - old.info.video.start
        begin = 1.0 + old.info.video.start
        sounds = old.sound(begin, 16_000, 16_000), new.sound(begin + moved - LATE, 16_000, 16_000)
        assert np.corrcoef(*sounds)[0, 1] > 0.98
        at = begin + 0.011
        assert np.array_equal(old.frames([at]).pixels, new.frames([at + moved]).pixels)
