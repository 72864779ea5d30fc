"""Films of several scenes, with a narration that is early or late, out of the clips of a rendered world.

In instructional videos a caption often names what was seen seconds before or is seen seconds later. In one scene of
the world that does no harm, as whatever is named stays in view; in a film whose scenes follow each other it does.
"""

import json
import random
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from benchmarks.proof import WORLD, Films


@dataclass(frozen=True, kw_only=True)
class Narrated(Films):
    """Silent films, each of several scenes of another world's training clips; `counts` are of the other world.

    Attributes:
        scenes: in a film.
        drift: seconds by which the narration is early or late at most, beside that of the scenes' own.
    """

    scenes: int = 4
    drift: float = 0.0

    def made(self, folder: Path) -> Path:
        """`FOLDER/NAME/train` has the films, `FOLDER/NAME/test` is the other world's."""
        source, out = WORLD.made(folder), folder / self.name
        (out / "train").mkdir(parents=True, exist_ok=True)
        if not (out / "test").exists():
            (out / "test").symlink_to(source / "test", target_is_directory=True)
        clips = sorted((source / "train").glob("*.mp4"))
        for number in range(len(clips) // self.scenes):
            film = out / "train" / f"film-{number:05d}.mp4"
            if not film.with_suffix(".json").exists():
                self._join(clips[self.scenes * number : self.scenes * (number + 1)], film, random.Random(number))
        return out

    def _join(self, clips: list[Path], film: Path, rng: random.Random) -> None:
        """Packets as they are; the narration of all scenes, each sentence moved by up to the drift."""
        seconds, total = self.world.seconds, self.world.seconds * len(clips)
        said: list[dict[str, Any]] = []
        with av.open(str(film), "w") as out:
            stream = None
            for place, clip in enumerate(clips):
                with av.open(str(clip)) as scene:
                    source = scene.streams.video[0]
                    stream = out.add_stream_from_template(source) if stream is None else stream
                    assert source.time_base is not None
                    shift = int(place * Fraction(seconds) / source.time_base)
                    for packet in scene.demux(source):
                        if packet.pts is not None and packet.dts is not None:
                            packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, stream
                            out.mux(packet)
                told = json.loads(clip.with_suffix(".json").read_text(encoding="utf-8"))["captions"]
                for sentence in (one for one in told if "start" in one and one["language"] == "en"):
                    length = sentence["end"] - sentence["start"]
                    start = sentence["start"] + place * seconds + rng.uniform(-self.drift, self.drift)
                    start = round(min(max(start, 0.0), total - length), 3)
                    said.append({**sentence, "start": start, "end": round(start + length, 3)})
        film.with_suffix(".json").write_text(json.dumps({"captions": said}), encoding="utf-8")


NARRATED = Narrated(name="narrated", world=WORLD.world, counts=WORLD.counts, drift=8.0)
CALM = Narrated(name="narrated-calm", world=WORLD.world, counts=WORLD.counts)
