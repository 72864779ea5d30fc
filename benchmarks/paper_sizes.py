"""Every recipe at its own size through the real loop: whether its loss falls, clips a second, memory.

python -m benchmarks.paper_sizes --workers 14                         on a GPU; some ten minutes
python -m benchmarks.paper_sizes --steps 1 --batch-size 4 --films 40 --out FILE       on the processor: that it runs

The films are a few of the synthetic world, seen again and again, so a falling loss says that networks of this size
train as they are set, and nothing about what they learn. Weights begin random where a recipe would ask a hub for them.
A batch that does not fit is halved, and a recipe that fails is named with its reason while the others go on. Losses are
means over the first and the last tenth of the steps; clips a second and the wait for data are medians over the last
half of them.
"""

import argparse
import csv
import gc
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from transformers import AutoModel, BertConfig, BertTokenizerFast

from benchmarks.machine import setting
from benchmarks.proof import RECIPES, Films
from benchmarks.tables import Row, markdown, write
from mmssl.data.synthetic.difficulty import actions
from mmssl.data.synthetic.generate import World
from mmssl.errors import MmsslError, TrainingError
from mmssl.modules.pretrained import without_pretrained
from mmssl.run import Run
from mmssl.training.loop import train
from mmssl.training.processes import find_device, leaving_cores
from mmssl.training.recipe import Argument, Recipe

SHORT = World()
LONG = World(seconds=10.5)
ACTIONS = World(seconds=10.5, difficulty=actions())

# What a recipe needs that is not at hand here: as many recordings as it has clusters, a trained run, words of a hub;
# and a batch of so many clips of each film.
FEW: dict[str, Argument] = {"clusters": 32, "dims": 32}
BERT = "{bert}"
INSTEAD: dict[str, dict[str, Argument]] = {
    "cdc": FEW,
    "info_nce_video_text_audio": {"text": BERT},
    "lit": {"letters": "uu"},
    "max_margin": {"clips": 4},
    "mdc": FEW,
    "mmp": {"text": BERT},
    "sdc": FEW,
    "xdc": FEW,
}


def bert(folder: Path) -> Path:
    """A folder with a network of multilingual BERT's size, random, and a tokenizer of letters."""
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    AutoModel.from_config(BertConfig(vocab_size=119_547)).save_pretrained(folder)
    return folder


def films_of(name: str, run: Run, count: int) -> Films:
    """Those that are long enough for its clips."""
    if name == "tcc":
        return Films(name="actions", world=ACTIONS, counts={"train": count // 4})
    if run.data.seconds > SHORT.seconds - 0.5:
        return Films(name="long", world=LONG, counts={"train": count // 4})
    return Films(name="short", world=SHORT, counts={"train": count})


def build(name: str, places: Mapping[str, Path], asked: argparse.Namespace, batch_size: int) -> Run:
    """The recipe's run with the films, and as many clips a step as it wants or as are given."""
    arguments = {
        key: str(value).format(**places) if value == BERT else value for key, value in INSTEAD.get(name, {}).items()
    }
    with without_pretrained():
        run = Recipe(RECIPES / f"{name}.py", {**arguments, "steps": asked.steps}).build()
    films = films_of(name, run, asked.films).made(places["worlds"]) / "train"
    return replace(
        run,
        data=run.data.of(str(films)),
        batch_size=min(run.batch_size, batch_size),
        workers=asked.workers,
        save_every=asked.steps,
        evaluations={},
    )


def trained(name: str, places: Mapping[str, Path], asked: argparse.Namespace, device: torch.device) -> Row:
    """One row; the batch is halved until it fits."""
    size: int = asked.batch_size
    while True:
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(device)
        run = build(name, places, asked, size)
        try:
            with tempfile.TemporaryDirectory() as folder, leaving_cores(run.workers):
                train(run, Path(folder) / "run", device=str(device))
                rows = list(csv.DictReader((Path(folder) / "run" / "log.csv").open(encoding="utf-8")))
            return told(name, run, rows, device)
        except TrainingError as error:
            if not isinstance(error.__cause__, torch.OutOfMemoryError) or run.batch_size == 1:
                raise
            size = run.batch_size // 2


def told(name: str, run: Run, rows: Sequence[Mapping[str, str]], device: torch.device) -> Row:
    """What the log says."""
    tenth, late = max(len(rows) // 10, 1), rows[len(rows) // 2 :]
    losses = [float(row["loss"]) for row in rows]
    return {
        "recipe": name,
        "instead": ", ".join(f"{key} {value}" for key, value in INSTEAD.get(name, {}).items()),
        "parameters, M": sum(weights.numel() for weights in run.objective.parameters()) / 1e6,
        "batch": run.batch_size,
        "steps": len(rows),
        "loss, first": statistics.mean(losses[:tenth]),
        "loss, last": statistics.mean(losses[-tenth:]),
        "clips/s": statistics.median(float(row["clips_per_second"]) for row in late),
        "data wait": statistics.median(float(row["data_wait"]) for row in late),
        "peak GiB": torch.cuda.max_memory_allocated(device) / 2**30 if device.type == "cuda" else None,
    }


def main() -> None:
    """The command line."""
    every = sorted(page.stem for page in RECIPES.glob("*.py"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*", default=every, help="all if none is named")
    parser.add_argument("--worlds", type=Path, help="folder for the films; a temporary one if not given")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/paper_sizes"))
    parser.add_argument("--device", default="auto")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch-size", type=int, default=64, help="at most")
    parser.add_argument("--films", type=int, default=256, help="of 4 s; a quarter as many of 10.5 s")
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    device = find_device(asked.device)
    facts, rows = setting(device, "av"), list[Row]()
    with tempfile.TemporaryDirectory() as folder:
        places = {"worlds": asked.worlds or Path(folder) / "worlds", "bert": bert(Path(folder) / "bert")}
        for name in asked.recipes:
            try:
                rows.append(trained(name, places, asked, device))
                print(markdown(rows[-1:]), flush=True)
            except (MmsslError, RuntimeError) as error:  # RuntimeError: torch's; a lent GPU has minutes, not tries
                facts[f"{name} failed"] = str(error).splitlines()[0]
                print(name, "failed:", error, flush=True)
            if rows:
                write(asked.out, facts, rows)  # what is there when time runs out


if __name__ == "__main__":
    main()
