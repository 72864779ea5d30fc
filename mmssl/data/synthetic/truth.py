"""`Truth`, what is exactly so in a clip, as stored in the `truth` field of its `.json`."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmssl.data.synthetic.shapes import distance, extent
from mmssl.data.synthetic.world import Scene, Thing

_GLOW = 0.15  # seconds after which a struck object's glow is down to 1/e


@dataclass(frozen=True)
class Track:
    """One object frame by frame. Positions are shares of the picture's side, camera shake included.

    Attributes:
        id: its number, also from back to front.
        rgb: its color without glow and shading, 0 to 255.
        x, y: `[T]` center.
        radius: `[T]`.
        angle: `[T]` radians clockwise.
        glow: `[T]` in [0, 1], share by which it is lit up by its own sound.
        phase: `[T]` in [0, 1) progress of its action.
        boxes: `[T, 4]` x0, y0, x1, y1 clipped to the picture; all of the object, also what others hide.
        events: seconds of its contacts within the clip.
        period: seconds of a cycle of its action.
    """

    id: int
    kind: str
    color: str
    size: str
    motion: str
    sounding: bool
    offscreen: bool
    rgb: tuple[int, int, int]
    x: list[float]
    y: list[float]
    radius: list[float]
    angle: list[float]
    glow: list[float]
    phase: list[float]
    boxes: list[list[float]]
    events: list[float]
    period: float


@dataclass(frozen=True)
class Truth:
    """A clip. Times are seconds of its picture; what is seen at t is heard at t + offset.

    Attributes:
        main: which of the objects is heard for certain.
        action: its motion.
        linked: False where the sound is another scene's.
        narration: for each caption with times, the object and the seconds that it is really about.
    """

    seed: int
    split: str
    scene: int
    identity: str
    fps: int
    frame_times: list[float]
    pixels: int
    seconds: float
    sample_rate: int
    main: int
    action: str
    offset: float
    linked: bool
    noise: float
    gain: float
    objects: list[Track]
    narration: list[dict[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """As it is stored."""
        return {**vars(self), "objects": [vars(track) for track in self.objects]}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "Truth":
        """From the `truth` field of a clip's `.json`, or from `Recording.extra["truth"]`."""
        tracks = [Track(**{**track, "rgb": tuple(track["rgb"])}) for track in fields["objects"]]
        return cls(**{**fields, "objects": tracks})

    @property
    def sounding(self) -> list[Track]:
        """The objects in the picture that are heard; none where the sound is another scene's."""
        return [track for track in self.objects if track.sounding and not track.offscreen and self.linked]


def track(thing: Thing, number: int, times: NDArray[np.float64], shift: NDArray[np.float64], seconds: float) -> Track:
    """What an object does at frames of `[T]` times, moved by `[T, 2]` of camera shake."""
    pose, events = thing.motion.pose(times), thing.motion.events(0.0, seconds)
    glow = _glow(thing, times) if thing.sounding else np.zeros_like(times)
    radius = thing.radius * pose.scale * (1 + 0.12 * glow * bool(thing.motion.contacts))
    x, y = pose.x + shift[:, 0], pose.y + shift[:, 1]
    # Rounded once, here: the picture is drawn from the very numbers that are stored.
    x, y, radius, angle, glow = (np.round(values, 5) for values in (x, y, radius, pose.angle, glow))
    left, top, right, bottom = extent(thing.kind, angle)
    boxes = np.stack([x + radius * left, y + radius * top, x + radius * right, y + radius * bottom], axis=1)
    return Track(
        id=number,
        kind=thing.kind,
        color=thing.color,
        size=thing.size,
        motion=thing.motion.name,
        sounding=thing.sounding,
        offscreen=not thing.visible,
        rgb=thing.rgb,
        x=x.tolist() if thing.visible else [],
        y=y.tolist() if thing.visible else [],
        radius=radius.tolist() if thing.visible else [],
        angle=angle.tolist() if thing.visible else [],
        glow=glow.tolist() if thing.visible else [],
        phase=np.round(thing.motion.phase(times), 5).tolist(),
        boxes=np.round(np.clip(boxes, 0, 1), 4).tolist() if thing.visible else [],
        events=np.round(events, 6).tolist(),
        period=round(thing.motion.period, 6),
    )


def _glow(thing: Thing, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Light in step with the sound: flashing up at each contact, or following the loudness."""
    if not thing.motion.contacts:
        return thing.motion.loudness(times)
    contacts = thing.motion.events(float(times[0]) - 1.0, float(times[-1]) + 1e-9)
    last = np.searchsorted(contacts, times, side="right") - 1
    since = times - contacts[np.maximum(last, 0)] if len(contacts) else np.full_like(times, np.inf)
    return np.where(last >= 0, np.exp(-np.maximum(since, 0) / _GLOW), 0.0)


def truth(scene: Scene, pixels: int, fps: int, sample_rate: int, narration: list[dict[str, Any]]) -> Truth:
    """All that is known about a scene filmed with so many pixels a side and frames a second."""
    times = np.arange(round(scene.seconds * fps)) / fps
    shift = scene.camera.shift(times, pixels) / (4 * pixels)
    return Truth(
        seed=scene.seed,
        split=scene.split,
        scene=scene.number,
        identity=scene.identity,
        fps=fps,
        frame_times=np.round(times, 6).tolist(),
        pixels=pixels,
        seconds=scene.seconds,
        sample_rate=sample_rate,
        main=scene.main,
        action=scene.things[scene.main].motion.name,
        offset=scene.mix.offset,
        linked=scene.difficulty.linked,
        noise=scene.mix.noise,
        gain=scene.mix.gain,
        objects=[track(thing, i, times, shift, scene.seconds) for i, thing in enumerate(scene.things)],
        narration=narration,
    )


def mask(truth: Truth, number: int, frame: int, height: int, width: int, *, whole: bool = False) -> NDArray[np.bool_]:
    """`[height, width]` which pixels' centers lie on an object.

    Args:
        truth: of the clip.
        number: of the object.
        frame: number of the frame.
        height: of the picture wanted, whatever it was filmed with.
        width: of the picture wanted.
        whole: also what objects in front hide.
    """
    if truth.objects[number].offscreen:
        return np.zeros((height, width), np.bool_)
    y = ((np.arange(height) + 0.5) / height)[:, None]
    x = ((np.arange(width) + 0.5) / width)[None, :]
    inside = [_covers(track, frame, x, y) for track in truth.objects[number:] if not track.offscreen]
    return inside[0] if whole or len(inside) == 1 else inside[0] & ~np.any(inside[1:], axis=0)


def _covers(track: Track, frame: int, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    radius = track.radius[frame]
    covers: NDArray[np.bool_] = (
        distance(track.kind, (x - track.x[frame]) / radius, (y - track.y[frame]) / radius, track.angle[frame]) <= 0
    )
    return covers
