"""MMP's losses of text alone on MSR-VTT's captions in English, Italian and Hindi, and retrieval between languages.

python -m benchmarks.msrvtt_languages ../shared/realdata/annotations/msrvtt     writes results/msrvtt_languages.json

Line n of a video in one language is the translation of its line n in another (Italian of 7,010 videos, Hindi of 281).
Held out are the 497 videos of the validation split and a quarter of those with Hindi; no film that a held-out clip is
cut from is trained on. A query is the first line of a video; the gallery holds one line of every held-out video. Beside
the model stand chance, the model before training, and bags of words that know nothing of translation: the cosine of
words weighed by how rare they are, where names and loan words help.
"""

import argparse
import gzip
import json
import random
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from zlib import crc32

import torch
from torch import Tensor

from benchmarks.machine import setting
from benchmarks.proving import cpu_seconds
from mmssl.batch import Batch
from mmssl.data.hashing import HashTokenizer
from mmssl.encoders.text_words import TextMean
from mmssl.encoders.video_small import VideoSmall
from mmssl.evaluate.interval import described
from mmssl.evaluate.ranks import ExpectedTies, place_embeddings, same
from mmssl.objectives.contrastive.mmp import MMP

OUT = Path(__file__).parent / "results" / "msrvtt_languages.json"
LANGUAGES = ("en", "it", "hi")
Lines = dict[str, dict[str, list[str]]]  # video to language to its lines
_WORDS, _HINDI = 20, 0.25  # tokens a line; share of a batch that is drawn from videos with Hindi


@dataclass(frozen=True)
class Captions:
    """Lines of each video by language, those to train on apart from those held out."""

    train: Lines
    held_out: Lines


def read(folder: Path) -> Captions:
    """Of a folder with the three files."""
    with zipfile.ZipFile(folder / "train_val_annotation.zip") as archive:
        english = json.loads(archive.read("train_val_videodatainfo.json"))
    italian = json.loads(gzip.decompress((folder / "msrvtt_it_142200.json.gz").read_bytes()))
    lines: Lines = defaultdict(lambda: defaultdict(list))
    for language, told in (("en", english), ("it", italian)):
        for line in sorted(told["sentences"], key=lambda one: int(one["sen_id"])):
            lines[line["video_id"]][language].append(line["caption"])
    for row in (folder / "msrvtt_hi_train_val.csv").read_text(encoding="utf-8").splitlines():
        video, _, text = row.partition("\t")
        lines[video]["hi"].append(text)
    chosen, films, train = {}, set(), {}
    for video in english["videos"]:
        spoken, film = lines[video["video_id"]], video["url"]
        if video["split"] == "validate" or ("hi" in spoken and crc32(film.encode()) % 4 == 0):
            chosen[video["video_id"]] = dict(spoken)
            films.add(film)
    for video in english["videos"]:
        if video["url"] not in films:
            train[video["video_id"]] = dict(lines[video["video_id"]])
    return Captions(train, chosen)


def batches(lines: Lines, tokenizer: HashTokenizer, size: int, seed: int) -> Iterator[Batch]:
    """Endless batches of one line of each of `size` videos in two languages, without a valid picture."""
    rng = random.Random(seed)
    names = sorted(lines)
    hindi = [name for name in names if "hi" in lines[name]]
    while True:
        few = rng.sample(hindi, min(round(size * _HINDI), len(hindi)))
        drawn = [*few, *rng.sample(sorted(set(names) - set(few)), size - len(few))]
        texts: list[str] = []
        for name in drawn:
            pair = rng.sample(sorted(lines[name]), 2)
            place = rng.randrange(min(len(lines[name][language]) for language in pair))
            texts += [lines[name][language][place] for language in pair]
        yield Batch(
            text=tokenizer(texts, _WORDS).view(size, 2, -1),
            video=torch.zeros(size, 1, 3, 8, 8, dtype=torch.uint8),
            video_valid=torch.zeros(size, dtype=torch.bool),
            group=torch.tensor([names.index(name) for name in drawn]),
            seed=torch.tensor([rng.getrandbits(62) for _ in drawn]),
        )


def trained(lines: Lines, tokenizer: HashTokenizer, steps: int, seed: int) -> MMP:
    """The objective after some steps of AdamW with a linearly falling rate; 0 steps: as it is drawn."""
    torch.manual_seed(seed)
    objective = MMP(video=VideoSmall((8, 8, 8)), text=TextMean(tokenizer.size, 256), dim=256)
    text = [*objective.encoders["text"].parameters(), *objective.heads["text"].parameters()]
    optimizer = torch.optim.AdamW([*text, *objective.temperature.parameters()], 5e-3, weight_decay=0.0)
    for step, batch in zip(range(steps), batches(lines, tokenizer, 128, seed), strict=False):
        for group in optimizer.param_groups:
            group["lr"] = 5e-3 * min((step + 1) / 50, 1 - step / steps)
        loss, terms = objective(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        objective.after_step(step / steps)
        if step % 100 == 99:
            print(step + 1, {name: round(float(term), 3) for name, term in terms.items()}, flush=True)
    return objective.eval()


def bags(tokenizer: HashTokenizer, lines: Lines, texts: Sequence[str]) -> Tensor:
    """`[N, size]`, counts of words times the logarithm of how rare they are among all training lines."""

    def counts(told: Sequence[str]) -> Tensor:
        ids = tokenizer(told, _WORDS)
        found = torch.zeros(len(told), tokenizer.size + 1).scatter_add_(
            1, ids % (tokenizer.size + 1), (ids >= 0).float()
        )
        return found[:, :-1]

    known = [line for spoken in lines.values() for told in spoken.values() for line in told[:2]]
    seen = sum((counts(known[at : at + 1000]) > 0).sum(0) for at in range(0, len(known), 1000))
    return counts(texts) * (len(known) / (1 + torch.as_tensor(seen))).log()


def measured(vectors: Mapping[str, Tensor], rows: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """R@1 and R@10 in every direction between two languages, among the videos that have both."""
    numbers: dict[str, float] = {}
    for query, item in permutations(LANGUAGES, 2):
        both = [name for name in rows[query] if name in set(rows[item])]
        asked, gallery = (vectors[one][[rows[one].index(name) for name in both]] for one in (query, item))
        number = torch.arange(len(both))
        places = place_embeddings(asked, gallery, same(number, number))
        for k in (1, 10):
            chance = float(ExpectedTies().hit(places.chance(), k).mean())
            numbers |= described(f"{query}-{item}/R@{k}", ExpectedTies().hit(places, k), chance=chance)
        numbers[f"{query}-{item}/gallery"] = float(len(both))
    return numbers


@torch.no_grad()
def embedded(objective: MMP, tokenizer: HashTokenizer, texts: Sequence[str]) -> Tensor:
    """`[N, E]`."""
    return objective.embed(Batch(text=tokenizer(texts, _WORDS).unsqueeze(1)))["text"]


def main() -> None:
    """See the top of this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    captions, tokenizer = read(args.folder), HashTokenizer(16384)
    rows = {language: [name for name, told in captions.held_out.items() if language in told] for language in LANGUAGES}
    texts = {language: [captions.held_out[name][language][0] for name in rows[language]] for language in LANGUAGES}
    print({"train": len(captions.train), **{language: len(names) for language, names in rows.items()}})
    told = {
        "bags of words": measured({one: 1e-6 + bags(tokenizer, captions.train, texts[one]) for one in LANGUAGES}, rows)
    }
    before = cpu_seconds()
    for name, steps in (("untrained", 0), ("mmp", args.steps)):
        objective = trained(captions.train, tokenizer, steps, args.seed)
        told[name] = measured({one: embedded(objective, tokenizer, texts[one]) for one in LANGUAGES}, rows)
    for name, numbers in told.items():
        print(name, {key: round(value, 3) for key, value in numbers.items() if key.count("/") == 1})
    result = {"setting": setting(torch.device("cpu")), "steps": args.steps, "seed": args.seed}
    result |= {"cpu_seconds": round(cpu_seconds() - before), "numbers": told}
    OUT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
