"""Offsets of real films after a minute or two of training on a quarter of an hour of them, those learnt and others.

python -m benchmarks.sync_real --real ../shared/realdata --folder /tmp/real [--steps 80]

The films are packed with small pictures first (their times stay), and every fourth of those that are long enough is
kept from training. Each is then looked at as it is, taken to be in synchrony, and moved by known times (`evaluate/
synchrony.py`). Those of VGGSound's test set that the 5-second crops of Synchformer (Iashin et al. 2024) name are cut
as told there, the sound from `offset_sec` later than the picture, so that it is early by that; classes are 0.2 s
apart. So few films tell whether the tools work. They tell nothing about what can be learnt from more.
"""

import argparse
import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.proving import cpu_seconds
from mmssl.applications.model import Model
from mmssl.batch import Batch
from mmssl.data.decode.pyav import PyAVReader
from mmssl.data.pack import pack
from mmssl.data.reencode_profiles import FAST
from mmssl.data.sources import open_recordings
from mmssl.evaluate.offsets import answer, certainty, curve
from mmssl.evaluate.synchrony import Synchrony
from mmssl.evaluate.table import rows
from mmssl.training.loop import train
from mmssl.training.recipe import Recipe

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "sync_real.json"
SECONDS, PIXELS, HELD_OUT = 2.4, 48, 4
SHOWN = ("Acc@1/10", "Acc@+-1/10", "Acc@1/all", "Acc@+-1/all", "bias", "certain", "AUC", "clips")
CROP, NEAR = 5.0, 0.2  # s


def small(real: Path, folder: Path) -> tuple[Path, Path]:
    """Folders of films with small pictures, to learn from and held out; made once."""
    seen, unseen, packed = (folder / name for name in ("seen", "unseen", "packed"))
    if unseen.is_dir():
        return seen, unseen
    if not packed.is_dir():
        pack(str(real / "av"), packed, reencode=replace(FAST, short_side=112), workers=1)
    for made in (seen, unseen):
        made.mkdir()
    recordings, number = open_recordings(str(packed)), 0
    for index in range(len(recordings)):
        recording, source = recordings[index], recordings.source(index)
        with PyAVReader().open(source, recording.key) as media:
            video, audio = media.info.video, media.info.audio
        if video is None or audio is None or isinstance(source, str):
            continue
        together = min(v.start + v.duration for v in (video, audio)) - max(video.start, audio.start)
        if together >= SECONDS + 0.1:
            kept = unseen if number % HELD_OUT == 0 else seen
            source.seek(0)
            (kept / f"{recording.key.replace('/', '~')}.{recording.extension}").write_bytes(source.read())
            number += 1
        source.close()
    return seen, unseen


def official(model: Model, films: Path, offsets: Path) -> list[dict[str, Any]]:
    """The crops of the list whose films are there: by how much the sound is late in truth, and what is found."""
    with offsets.open(encoding="utf-8", newline="") as file:
        listed = {
            row["path"][:11]: (float(row["offset_sec"]), float(row["vstart_sec"])) for row in csv.DictReader(file)
        }
    found = []
    step, format = float(model.objective.sync_step), model.format  # type: ignore[arg-type]
    frames = round(CROP / step)
    times = (np.arange(frames) + 0.5) * CROP / frames
    for path in sorted(films.iterdir()):
        name = path.stem.split("~")[-1]
        if "vggsound" not in path.stem or name[:11] not in listed:
            continue
        offset, start = listed[name[:11]]
        with model.reader.open(str(path), name) as media:
            shown = media.frames((start + times).tolist(), (format.pixels, format.pixels))
            sound = media.sound(start + offset, round(CROP * format.sample_rate), format.sample_rate)
        batch = Batch(
            video=torch.from_numpy(shown.pixels).permute(0, 3, 1, 2)[None],
            video_times=torch.from_numpy(shown.times)[None],
            audio=torch.from_numpy(sound)[None],
            start=torch.tensor([start], dtype=torch.float64),
            group=torch.zeros(1, dtype=torch.int64),
            seed=torch.zeros(1, dtype=torch.int64),
        )
        with torch.inference_mode():
            distances = model.objective.sync_distances(batch, frames // 5 * 2)[0]  # type: ignore[operator]
        late = float(answer(curve(distances)).steps) * step
        sure = certainty(distances, step)
        found.append({"film": name, "late": -offset, "found": round(late, 2), "certainty": sure})
    return found


def measured(model: Model, films: Path, offsets: Path) -> dict[str, Any]:
    """All numbers of one folder."""
    clips = model.run.data.of(str(films))
    numbers = dict(Synchrony(clips=clips, each=3, batch_size=16)(model.objective))
    return {"numbers": numbers, "official": official(model, films, offsets)}


def tell(name: str, result: dict[str, Any]) -> None:
    """Print what matters."""
    told = {row.name: row for row in rows(result["numbers"])}
    for look in ("as-it-is", "shifted", "blind"):
        for metric in SHOWN:
            row = told.get(f"synchrony/{look}/{metric}")
            if row is not None:
                print(f"{name:9} {look:9} {metric:12}", *(f"{text:>16}" for text in row.text()))
    near = [abs(row["found"] - row["late"]) <= NEAR + 1e-6 for row in result["official"]]
    for row in result["official"]:
        print(f"{name:9} official", row)
    chance = (2 * NEAR / 0.04 + 1) / (2 * (CROP / 0.04 // 5 * 2) + 1)
    print(f"{name:9} official: {sum(near)} of {len(near)} within {NEAR} s, chance {chance:.2f}")


def main() -> None:
    """See the top of this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", type=Path, required=True, help="folder with av/ and annotations/")
    parser.add_argument("--folder", type=Path, required=True, help="for small films and the run")
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--recipe", default="perfect_match")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.folder.mkdir(parents=True, exist_ok=True)
    seen, unseen = small(args.real, args.folder)
    options = {"data": str(seen), "small": True, "pixels": PIXELS, "seconds": SECONDS, "steps": args.steps}
    options |= {"batch_size": 16, "lr": 3e-3, "seed": 0} | ({"cosine": True} if args.recipe == "perfect_match" else {})
    recipe = Recipe(ROOT / "recipes" / f"{args.recipe}.py", options)
    run, began = recipe.build(), cpu_seconds()
    run.workers = 1
    train(run, args.folder / f"run-{args.recipe}", device="cpu", recipe=recipe)
    minutes = (cpu_seconds() - began) / 60
    model = Model(run, torch.device("cpu"))
    offsets = args.real / "annotations" / "sync" / "vggsound_test_crop5_offsets.csv"
    results = {name: measured(model, films, offsets) for name, films in (("learnt", seen), ("held-out", unseen))}
    kept = {"recipe": args.recipe, "options": options | {"data": ""}, "CPU minutes": round(minutes, 2), **results}
    RESULT.write_text(json.dumps(kept, indent=1) + "\n")
    print(f"{args.recipe}, {args.steps} steps, {minutes:.1f} CPU minutes")
    for name, result in results.items():
        tell(name, result)


if __name__ == "__main__":
    main()
