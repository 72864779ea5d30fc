"""By how much picture and sound are off in each decoder: films whose flashes and beeps begin together.

python -m benchmarks.clock --out benchmarks/results/clock         the whole matrix, some minutes
python -m benchmarks.clock --part 10                              every tenth film

Each film holds three flashes of the whole picture that begin with a beep, at instants that are known from how it was
made. A decoder is asked for pictures eight times a frame and for the sound around each; where the first white picture
and the beep are is compared with the truth. A film is held when no picture is off by more than half a frame and no
beep by more than 2 ms; one that a decoder refuses by a `MediaError` is counted apart, as that misleads nobody.
"""

import argparse
import math
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import torch

from benchmarks.film_matrix import films, limited, needs
from benchmarks.films import BEEP, Film, Made, beep, make
from benchmarks.machine import setting
from benchmarks.tables import Cell, Row, markdown, write
from mmssl.data.decode.decord import DecordReader
from mmssl.data.decode.pyav import PyAVReader
from mmssl.data.decode.reader import Media, Reader
from mmssl.data.decode.torchcodec import TorchCodecReader
from mmssl.errors import MediaError

READERS: dict[str, Reader] = {
    "pyav": PyAVReader(),
    "pyav, no tables": PyAVReader(tables=False),
    "decord": DecordReader(),
    "torchcodec": TorchCodecReader(),
}
REACH = 0.7  # s, around an event
RATE = 16_000
PICTURE, SOUND = 0.5, 0.002  # frames and seconds: what may be off


@dataclass(frozen=True)
class Errors:
    """The worst of a film.

    Attributes:
        picture: frames by which a flash is off; infinite where none is seen near.
        sound: seconds by which a beep is off; infinite where none is heard near.
    """

    picture: float
    sound: float

    @property
    def held(self) -> bool:
        """Both are within their bounds."""
        return self.picture <= PICTURE and self.sound <= SOUND


def errors(reader: Reader, made: Made) -> Errors:
    """Of one film.

    Raises:
        MediaError: the reader refuses it.
    """
    with reader.open(str(made.path), str(made.film)) as media:
        return Errors(
            max(_flash(media, event, float(made.film.frame)) for event in made.events),
            max(_beep(media, event) for event in made.events),
        )


def _flash(media: Media, event: float, frame: float) -> float:
    # The event lies in the middle between two of the times that are asked for.
    asked = event + (np.arange(-round(8 * REACH / frame), round(8 * REACH / frame)) + 0.5) * frame / 8
    shown = media.frames(asked.tolist(), (16, 16))
    lit = shown.pixels[:, 10:].mean(axis=(1, 2, 3)) > 128
    if not lit.any() or lit.all():
        return math.inf
    first = int(lit.argmax())
    seen, told = float(asked[first]) - frame / 16 - event, float(shown.times[first]) - event
    return max(abs(seen), abs(told)) / frame


def _beep(media: Media, event: float) -> float:
    sound = media.sound(event - REACH, round(2 * REACH * RATE), RATE)
    likeness = np.correlate(sound, beep(np.arange(round(BEEP * RATE)) / RATE), "valid")
    top = int(likeness.argmax())
    if likeness[top] < 0.3 * 0.7 * float((beep(np.arange(round(BEEP * RATE)) / RATE) ** 2).sum()):
        return math.inf
    around = likeness[max(0, top - 1) : top + 2]
    bend = around[0] - 2 * around[1] + around[-1] if len(around) == 3 else 0.0
    peak = top + (0.5 * (around[0] - around[-1]) / bend if bend else 0.0)
    return abs(float(peak) / RATE - REACH)


def kinds(film: Film) -> tuple[list[str], ...]:
    """The lines of the table that a film belongs to: by format, by rate, by start, by what is special."""
    special = {
        "cut by an edit list": film.hidden > 0,
        "no B-frames": film.b_frames == 0,
        "open GOP": film.open_gop,
        "fragmented": any("frag" in value for _, value in film.muxer),
        "HEVC, VP8, VP9, AV1, MPEG-2 or MPEG-4": film.video != "libx264",
    }
    late = film.audio_at - film.video_at
    return (
        ["all", f"{film.container}, {film.audio}"],
        ["variable rate" if film.steps else f"{float(film.fps):.2f} pictures a second"],
        ["sound starts later" if late > 0 else "sound starts earlier" if late < 0 else "starts together"],
        [name for name, holds in special.items() if holds],
    )


Result = dict[str, Errors | None]  # by name of the decoder; None: refused


def table(results: Sequence[tuple[Film, Result]]) -> list[Row]:
    """One line a kind of film, with how many of them each decoder held and by how much it was off at most."""
    known = [(kinds(film), result) for film, result in results if not limited(film)]
    rows: list[Row] = []
    for column in range(4):
        names = dict.fromkeys(name for kind, _ in known for name in kind[column])
        rows += [_row(name, [result for kind, result in known if name in kind[column]]) for name in names]
    untold = [result for film, result in results if limited(film)]
    return [*rows, _row("avi, mp3: AVI cannot tell its priming", untold)] if untold else rows


def _row(name: str, results: Sequence[Result]) -> Row:
    cells: dict[str, Cell] = {"films": name, "number": len(results)}
    for name in results[0]:
        given = [found for result in results if (found := result[name]) is not None]
        cells[f"{name} holds"] = sum(found.held for found in given)
        cells[f"{name} refuses"] = len(results) - len(given)
        cells[f"{name}: picture off, frames"] = _worst(found.picture for found in given)
        cells[f"{name}: sound off, ms"] = _worst(1000 * found.sound for found in given)
    return cells


def _worst(errors: Iterable[float]) -> Cell:
    worst = max(errors, default=None)
    if worst is None:
        return None
    return round(worst, 3) if math.isfinite(worst) else f"over {1000 * REACH:.0f} ms"


def measure(film: Film, folder: Path, readers: dict[str, Reader]) -> Result:
    """One film, made here and removed again, through each decoder."""
    made = make(film, folder / f"film.{film.container}")
    result: Result = {}
    for name, reader in readers.items():
        try:
            result[name] = errors(reader, made)
        except MediaError:
            result[name] = None
    made.path.unlink()
    return result


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/clock"))
    parser.add_argument("--part", type=int, default=1, help="take every n-th film")
    parser.add_argument("--readers", nargs="+", choices=READERS, default=list(READERS))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    av.logging.set_level(av.logging.PANIC)
    readers = {name: READERS[name] for name in asked.readers}
    results: list[tuple[Film, Result]] = []
    with tempfile.TemporaryDirectory() as folder:
        for film in films()[:: asked.part]:
            result = measure(film, Path(folder), readers)
            results.append((film, result))
            for name, found in result.items():
                promised = all(getattr(readers[name].capabilities, need) for need in needs(film))
                if promised and (found is None or not found.held) and not limited(film):
                    print(f"not held, though {name} promises it: {film}: {found}")
    rows = table(results)
    write(asked.out, setting(torch.device("cpu"), "av", "decord", "torchcodec"), rows)
    print(markdown(rows))


if __name__ == "__main__":
    main()
