"""What `mmssl quickstart` shows at its end: one page with the pictures, the numbers, the curves and the commands."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from mmssl.applications.report import Report
from mmssl.data.decode.pyav import PyAVReader
from mmssl.evaluate.table import rows

# What each number of the table says, by the end of its name among the evaluation's numbers.
SHOWN = {
    "retrieval/audio-video/R@10": "sound finds its picture among the first 10",
    "retrieval/video-audio/R@10": "picture finds its sound among the first 10",
    "retrieval/text-video/R@10": "words find their picture among the first 10",
    "retrieval/text-audio/R@10": "words find their sound among the first 10",
    "correspondence/accuracy": "do picture and sound belong together?",
    "localization/pointing": "hottest place is on what sounds",
    "localization/center/pointing": "  the same by always pointing at the center",
    "localization/moving/pointing": "  the same by always pointing at what moves most",
    "localization/salient/pointing": "  the same by always pointing at what draws the eye",
    "localization/other-sound/pointing": "  the same with another clip's sound",
}
OWN = (
    "mmssl probe my/videos                                  # what is in them, and what is broken",
    "mmssl pack my/videos --out my/shards                   # captions: NAME.txt, .srt, .vtt or .json beside NAME.mp4",
    "mmssl train recipes/quickstart.py --data my/shards --steps 20000 --out runs/mine",
    "mmssl evaluate runs/mine my/heldout",
    "mmssl index runs/mine my/videos --out my/index",
    'mmssl search my/index "a dog barks" --sheet answers.png',
    "mmssl search my/index --audio bark.wav --in video",
    "mmssl localize runs/mine my/videos/clip.mp4 --out heat.mp4",
)


def picture_of(film: Path, path: Path) -> Path:
    """The middle picture of a film, written to `path`."""
    with PyAVReader().open(str(film), str(film)) as media:
        Image.fromarray(media.frames([media.info.duration / 2]).pixels[0]).save(path)
    return path


def write_report(out: Path, run: Path, sheets: Mapping[str, Path], told: Sequence[tuple[str, str, float]]) -> Path:
    """`OUT/report.html`.

    Args:
        out: folder of the quickstart, with `numbers.json` and `heat.mp4`.
        run: its run folder, with `log.csv`.
        sheets: kind of question to the picture of its answers.
        told: purpose, command line and seconds of each step.
    """
    report = Report(
        "mmssl: from films to search and heat maps",
        "One model of picture, sound and words was trained here on rendered films, in minutes and without labels; "
        "everything below was measured on films it has not seen.",
    )
    report.section("What sounds?", "The heat map says where the film's sound comes from; play it with sound.")
    stills = sorted((out / "heat-stills").glob("*.png"))[:2]
    report.figures([(out / "heat.mp4", "heat.mp4"), *((still, still.name) for still in stills)])
    report.section("How good is it?", "Each number with its 95 % interval beside what chance would give.")
    numbers = json.loads((out / "numbers.json").read_text())["numbers"]
    named = {row.name: row.text() for row in rows({name: v for name, v in numbers.items() if v is not None})}
    measured = [(text, *named[name]) for name, text in SHOWN.items() if name in named]
    report.table(("", "measured", "95 % interval", "chance"), measured)
    report.section("Search", "The same index answers words, a sound and a picture; best first.")
    for kind, path in sheets.items():
        report.figures([(path, f"asked by {kind}")])
    report.section("Training")
    with (run / "log.csv").open(newline="") as file:
        report.curve([(float(row["step"]), float(row["loss"])) for row in csv.DictReader(file)], "loss")
    for plot in sorted((out / "plots").glob("*.png")):
        report.figures([(plot, plot.stem.replace("-", " "))])
    report.section("How this page was made")
    report.commands([f"{line}    # {purpose}, {seconds:.0f} s" for purpose, line, seconds in told])
    report.section("Your own videos", "A folder of films is enough; captions beside them are used where there are any.")
    report.commands(OWN)
    path = out / "report.html"
    report.write(path)
    return path
