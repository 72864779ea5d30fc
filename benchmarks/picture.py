"""The README's picture: heat maps, and answers to words and to a sound, of films that the model has not seen.

python -m benchmarks.picture runs/world world/test INDEX      INDEX: mmssl index runs/world world/test --out INDEX

The films are the first six, each at its hottest picture, with a box around what truly sounds.
"""

import argparse
import tempfile
from collections.abc import Iterable
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from mmssl.applications.model import Model, load
from mmssl.applications.sheet import contact_sheet
from mmssl.data.decode.pyav import PyAVReader
from mmssl.data.sources import open_recordings
from mmssl.evaluate.truth import WorldTruth

FILMS, SIDE, GAP = 6, 156, 12  # pixels
BACKGROUND, INK = (250, 249, 246), (29, 36, 48)  # the contact sheet's
WORDS, SOUND_OF = "a small orange crescent bounces up and down", 4


def hottest(model: Model, film: Path, folder: Path) -> tuple[Image.Image, float]:
    """The still with the surest peak, and its second."""
    located = model.localize(film, folder / f"{film.stem}.mp4", stills=folder / film.stem)
    scores = {round(moment.time, 2): moment.score for moment in located.track}
    stills = {float(path.stem.rsplit("-", 1)[1].removesuffix("s")): path for path in (folder / film.stem).iterdir()}
    second = max(stills, key=lambda time: scores.get(round(time, 2), 0.0))
    return Image.open(stills[second]).convert("RGB"), second


def heat_maps(model: Model, data: Path, folder: Path) -> Image.Image:
    """One row."""
    row = Image.new("RGB", (FILMS * (SIDE + GAP) + GAP, SIDE + 2 * GAP + 24), BACKGROUND)
    draw = ImageDraw.Draw(row)
    draw.text((GAP, GAP), "what sounds? (box: the truth)", fill=INK, font=ImageFont.load_default(17))
    recordings, truth = open_recordings(str(data)), WorldTruth()
    for number in range(FILMS):
        recording = recordings[number]
        still, second = hottest(model, data / f"{recording.key}.mp4", folder)
        still = still.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        lines = ImageDraw.Draw(still)
        (sounding,) = truth(recording, [second])
        for box in sounding.boxes if sounding else ():
            lines.rectangle([SIDE * share for share in box], outline="white", width=2)
        row.paste(still, (GAP + number * (SIDE + GAP), GAP + 28))
    return row


def stacked(pictures: Iterable[Image.Image]) -> Image.Image:
    """One below the other."""
    parts = list(pictures)
    whole = Image.new("RGB", (max(part.width for part in parts), sum(part.height for part in parts)), BACKGROUND)
    top = 0
    for part in parts:
        whole.paste(part, (0, top))
        top += part.height
    return whole


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("index", type=Path)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/picture.jpg"))
    asked = parser.parse_args()
    model = load(asked.run)
    with tempfile.TemporaryDirectory() as folder:
        parts = [heat_maps(model, asked.data, Path(folder))]
        film = sorted(asked.data.glob("*.mp4"))[SOUND_OF]
        questions = {
            f'words: "{WORDS}"': model.search(asked.index, text=WORDS, count=4),
            f"the sound of {film.name}": model.search(asked.index, audio=film, modalities=("video",), count=4),
        }
        for number, (title, hits) in enumerate(questions.items()):
            sheet = Path(folder) / f"{number}.png"
            contact_sheet(hits, title, sheet, PyAVReader())
            parts.append(Image.open(sheet))
        stacked(parts).save(asked.out, quality=88)


if __name__ == "__main__":
    main()
