"""What features of sound tell of the ten classes of ESC-10: each model beside itself untrained and log-mel statistics.

python -m benchmarks.esc10 ESC10 --run world=runs/quickstart --run clips=runs/clips

ESC10 is a folder with a folder of sounds for each class, named FOLD-SOURCE-TAKE as in ESC-50. Protocol: each fold is
judged by what is learnt from the others, of which one chooses C; ten windows of the model's length, evenly spaced, each
an example, and their mean score for a sound. Accuracy is the mean over folds with their standard deviation.
Writes results/esc10.json and .md. One thread.
"""

import argparse
import tempfile
from pathlib import Path

import torch

from benchmarks.machine import setting
from benchmarks.tables import Row, markdown, write
from mmssl.data.annotated import jsonl, write_text
from mmssl.data.folder import walk
from mmssl.evaluate.classifiers import NearestNeighbors, linear_probe, linear_svm
from mmssl.evaluate.layers import Embedding, EncoderLayer, Layer, LogMelStatistics
from mmssl.evaluate.probe import Probes
from mmssl.run import Run
from mmssl.training.folder import kept_recipe, load_run

OUT = Path(__file__).parent / "results" / "esc10"
CLASSIFIERS = (linear_svm(), linear_probe(), NearestNeighbors(20))


def manifest(sounds: Path, out: Path) -> None:
    """One row a sound: its class is its folder, its fold and source stand in its name."""
    rows = []
    for name in walk(sounds):
        label, _, file = name.partition("/")
        fold, source, _ = file.split("-", 2)
        rows.append({"path": str((sounds / name).resolve()), "label": label, "fold": fold, "group": source})
    write_text(out, jsonl(rows))


def probed(name: str, run: Run, source: str, layers: tuple[Layer, ...]) -> list[Row]:
    """A row for each layer."""
    probes = Probes(
        clips=run.data.of(source), fold="fold", modalities=("audio",), classifiers=CLASSIFIERS, layers=layers, workers=1
    )
    numbers = probes(run.objective.eval())
    rows: list[Row] = []
    for layer in layers:
        prefix = f"probe/audio/{layer.name}"
        row: dict[str, str | float | int | None] = {"model": name, "features": layer.name}
        row |= {"dim": int(numbers[f"{prefix}/dim"]), "windows of s": run.data.seconds}
        for classifier in CLASSIFIERS:
            found = f"{prefix}/{classifier.name}"
            row[classifier.name] = numbers[f"{found}/fold-mean"]
            row[f"{classifier.name} std"] = numbers[f"{found}/std"]
        low, high = (numbers[f"{prefix}/svm/accuracy/{end}"] for end in ("low", "high"))
        rows.append({**row, "svm 95 %": f"{low:.2f}-{high:.2f}"})
    print(markdown(rows), flush=True)
    return rows


def main() -> None:
    """See the top of this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sounds", type=Path)
    parser.add_argument("--run", action="append", default=[], help="NAME=FOLDER of a trained run with sound")
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "esc10.jsonl"
        manifest(args.sounds, file)
        for number, told in enumerate(args.run):
            name, _, place = told.partition("=")
            untrained, trained = kept_recipe(Path(place)).build(), load_run(Path(place))
            if not number:
                rows += probed("no model", untrained, str(file), (LogMelStatistics(),))
            rows += probed(f"{name}, untrained", untrained, str(file), (EncoderLayer(), Embedding()))
            rows += probed(name, trained, str(file), (EncoderLayer(), Embedding()))
    write(OUT, {**setting(torch.device("cpu"), "scikit-learn"), "classes": 10, "chance": 0.1, "windows": 10}, rows)


if __name__ == "__main__":
    main()
