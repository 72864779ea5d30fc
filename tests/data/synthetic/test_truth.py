"""The truth against what is decoded."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mmssl.data.synthetic.difficulty import Difficulty, hard
from mmssl.data.synthetic.render import SHADING, render
from mmssl.data.synthetic.shapes import OUTERMOST, SHAPES, Floats, distance, extent
from mmssl.data.synthetic.truth import Track, Truth, mask, truth
from mmssl.data.synthetic.world import scene

Film = Any


def test_objects_have_their_color_where_the_mask_says(films: list[Film]) -> None:
    compared = 0
    for film in films:
        for track in film.truth.objects:
            for frame in range(0, len(film.frames), 17):
                inside = mask(film.truth, track.id, frame, 128, 128) & (_depth(track, frame) > 3)
                if track.glow[frame] > 0.05 or inside.sum() < 30:
                    continue
                color = film.frames[frame][inside].mean(axis=0)
                assert np.abs(color - track.rgb).max() < 255 * SHADING * 0.7, (track.kind, track.color, color)
                compared += 1
    assert compared > 80


def _depth(track: Track, frame: int) -> Floats:
    """Pixels from the rim inwards: the rim is dark, and color is stored at half the resolution."""
    y, x = (np.mgrid[:128, :128] + 0.5) / 128
    radius = track.radius[frame]
    local_x, local_y = (x - track.x[frame]) / radius, (y - track.y[frame]) / radius
    depth: Floats = -distance(track.kind, local_x, local_y, track.angle[frame]) * radius * 128
    return depth


def test_objects_are_not_where_the_mask_is_not() -> None:
    plain = Difficulty(objects=(1, 1), contrast=0.0, jitter=0.0, offscreen=0.0)
    scenes = (scene(0, "train", number, plain) for number in range(60))
    drawn = next(s for s in scenes if s.things[0].motion.name == "orbit" and s.things[0].size == "small")
    known = truth(drawn, 128, 25, 16_000, [])
    pixels = render(drawn, known).astype(float)
    outside = np.stack([~mask(known, 0, frame, 128, 128) for frame in range(len(pixels))])
    empty = np.median(pixels, axis=0)
    changed = np.abs(pixels - empty).max(-1) > 40
    near = np.stack([mask(_grown(known, 1.1), 0, frame, 128, 128) for frame in range(len(pixels))])
    assert not (changed & outside & ~near).sum() > 0.02 * near.sum()


def _grown(known: Truth, factor: float) -> Truth:
    fields = known.to_json()
    fields["objects"] = [{**track, "radius": [r * factor for r in track["radius"]]} for track in fields["objects"]]
    return Truth.from_json(fields)


def test_boxes_hold_the_masks_tightly(films: list[Film]) -> None:
    for film in films:
        for track in film.truth.objects:
            for frame in range(0, len(film.frames), 23):
                rows, columns = np.nonzero(mask(film.truth, track.id, frame, 256, 256, whole=True))
                found = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) / 256
                left, top, right, bottom = found - track.boxes[frame]
                assert min(left, top, -right, -bottom) > -0.004
                assert max(left, top, -right, -bottom) < 0.01


def test_what_is_in_front_hides(films: list[Film]) -> None:
    for film in films:
        for frame in (0, 60):
            masks = [mask(film.truth, track.id, frame, 96, 96) for track in film.truth.objects]
            assert np.sum(masks, axis=0).max() <= 1
            whole = [mask(film.truth, track.id, frame, 96, 96, whole=True) for track in film.truth.objects]
            assert (np.any(whole, axis=0) == np.any(masks, axis=0)).all()


@pytest.mark.parametrize("kind", SHAPES)
def test_every_shape_fits_its_circle_and_fills_a_part_of_it(kind: str) -> None:
    line = np.linspace(-1.5, 1.5, 301)
    x, y = np.meshgrid(line, line)
    inside = distance(kind, x, y, 0.3) <= 0
    assert np.hypot(x, y)[inside].max() <= OUTERMOST
    assert 0.25 < inside.sum() * 0.01**2 / np.pi < 1.01
    left, top, right, bottom = extent(kind, np.array([0.3]))
    assert (x[inside].min() >= left[0], y[inside].min() >= top[0]) == (True, True)
    assert (x[inside].max() <= right[0], y[inside].max() <= bottom[0]) == (True, True)


def test_sounds_from_outside_are_not_in_the_picture() -> None:
    scenes = (scene(0, "train", number, hard()) for number in range(20))
    shown = next(drawn for drawn in scenes if not drawn.things[-1].visible)
    known = truth(shown, 64, 25, 16_000, [])
    assert known.objects[-1].offscreen
    assert known.objects[-1].boxes == []
    assert not mask(known, len(known.objects) - 1, 0, 64, 64).any()
    assert all(not track.offscreen for track in known.sounding)


def test_the_middle_of_the_picture_is_no_answer() -> None:
    hits = []
    for number in range(200):
        known = truth(scene(0, "test", number, Difficulty()), 128, 10, 16_000, [])
        box = np.array(known.objects[known.main].boxes)
        hits.append(((box[:, :2] <= 0.5) & (box[:, 2:] >= 0.5)).all(1).mean())
    assert np.mean(hits) < 0.35


def test_the_main_object_is_large_enough_and_drawn_at_any_depth() -> None:
    scenes = [scene(0, "train", number, Difficulty(objects=(3, 3))) for number in range(90)]
    assert all(0.23 < 2 * s.things[s.main].radius < 0.45 for s in scenes)
    assert min(np.bincount([s.main for s in scenes], minlength=3)) > 15


def test_phases_and_events_agree(world_folder: Path) -> None:
    for path in sorted(world_folder.glob("*/*.json")):
        fields = SimpleNamespace(**json.loads(path.read_text(encoding="utf-8"))["truth"])
        assert len(fields.frame_times) == 100
        for track in fields.objects:
            phase = np.unwrap(np.array(track["phase"]), period=1)
            assert (np.diff(phase) >= -1e-5).all()
            assert phase[-1] - phase[0] == pytest.approx(99 / 25 / track["period"], abs=0.5)
            assert bool(track["events"]) == (track["motion"] in ("bounce", "slide", "strike", "hop"))
