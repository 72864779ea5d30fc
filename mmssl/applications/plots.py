"""What an evaluation looks like: recall curves, who resembles whom, heat maps beside the truth."""

from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from mmssl.applications.heatmap import Scale, overlay, peak, ring
from mmssl.applications.measure import Measured
from mmssl.applications.model import Model
from mmssl.applications.sheet import drawable
from mmssl.evaluate.evidence import at_frames, shown, views
from mmssl.evaluate.held_out import held_out, middle
from mmssl.evaluate.ranks import ExpectedTies, place_embeddings
from mmssl.evaluate.retrieval import answers
from mmssl.evaluate.vectors import HeldOut

SHOWN = 60  # recordings of a similarity matrix
EXAMPLES = 6  # heat maps
DRAWN = 320  # pixels of each


def figure(width: float, height: float, columns: int = 1, rows: int = 1) -> tuple[Any, Any]:
    """A figure and its `[rows, columns]` axes, drawn without a display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height), layout="constrained", dpi=120)
    FigureCanvasAgg(made)
    return made, made.subplots(rows, columns, squeeze=False)


def recall_curves(held: HeldOut, path: Path) -> None:
    """R@k of each ordered pair of modalities over k, with chance dashed."""
    made, axes = figure(6.4, 4.2)
    plot = axes[0, 0]
    names = [name for name in held.vectors if "." not in name]
    for query, item in permutations(names, 2):
        asked, found = held.vectors[query], held.vectors[item]
        rows = (asked.valid & found.valid).nonzero()[:, 0]
        if not len(rows):
            continue
        right = answers(held, query, item, rows)
        places = place_embeddings(asked.embeddings[rows], found.embeddings[rows], right)
        ks = np.unique(np.geomspace(1, places.gallery, 40).astype(int))
        line = plot.plot(ks, [float(ExpectedTies().hit(places, int(k)).mean()) for k in ks], label=f"{query} to {item}")
        chance = [float(ExpectedTies().hit(places.chance(), int(k)).mean()) for k in ks]
        plot.plot(ks, chance, "--", color=line[0].get_color(), alpha=0.4, linewidth=1)
    if not plot.lines:
        return
    plot.set(xscale="log", xlabel="k", ylabel="recall at k (chance dashed)", ylim=(0, 1.02))
    plot.legend(frameon=False)
    made.savefig(path)


def similarity(held: HeldOut, path: Path) -> None:
    """Cosines between modalities of the first recordings; a bright diagonal is what training wants."""
    pairs = [
        (a, b)
        for a, b in (("audio", "video"), ("text", "video"), ("text", "audio"))
        if {a, b} <= set(held.vectors) and (held.vectors[a].valid & held.vectors[b].valid).any()
    ]
    if not pairs:
        return
    made, axes = figure(4.6 * len(pairs), 4.2, columns=len(pairs))
    for plot, (first, second) in zip(axes[0], pairs, strict=True):
        rows = (held.vectors[first].valid & held.vectors[second].valid).nonzero()[:SHOWN, 0]
        a, b = (functional.normalize(held.vectors[m].embeddings[rows], dim=1) for m in (first, second))
        image = plot.imshow((a @ b.T).numpy(), cmap="inferno")
        plot.set(xlabel=f"{second} of recording", ylabel=f"{first} of recording")
        made.colorbar(image, ax=plot, label="cosine")
    made.savefig(path)


@torch.no_grad()
def heat_examples(model: Model, measured: Measured, path: Path) -> None:
    """Middle frames of the first recordings of known truth: heat, its peak as a ring, and outlines of what sounds."""
    assert measured.truth is not None
    opened = middle(measured.clips)
    found: list[tuple[NDArray[np.uint8], Tensor, str]] = []
    for batch in held_out(model.objective, opened, 8, limit=64):
        heat = at_frames(model.objective.heat(batch).float(), batch.video.shape[1]).cpu()
        both = (batch.valid("video") & batch.valid("audio")).tolist()
        for row, view in enumerate(views(opened, batch.index.tolist())):
            if not both[row]:
                continue
            middle_frame = batch.video.shape[1] // 2
            recording = opened.recordings[int(batch.index[row])]
            told = measured.truth(recording, batch.video_times[row].tolist())[middle_frame]
            mask = None if told is None else shown(told, view, DRAWN)
            if mask is None or not mask.any():
                continue
            pixels = batch.video[row, middle_frame].permute(1, 2, 0).cpu().numpy()
            picture = np.asarray(Image.fromarray(pixels).resize((DRAWN, DRAWN), Image.Resampling.BICUBIC))
            scale = Scale.of(heat[row])
            x, y, _ = peak(heat[row, middle_frame])
            found.append((ring(overlay(picture, heat[row, middle_frame], scale), x, y), mask, recording.key))
        if len(found) >= EXAMPLES:
            break
    if not found:
        return
    count = min(len(found), EXAMPLES)
    made, axes = figure(2.6 * count, 2.9, columns=count)
    for plot, (picture, mask, key) in zip(axes[0], found, strict=False):
        plot.imshow(picture)
        plot.contour(mask.numpy(), levels=[0.5], colors="#35d0ff", linewidths=1.5)
        plot.set_title(drawable(key[-24:]), fontsize=8, parse_math=False)  # a key with $ is no formula
        plot.axis("off")
    made.savefig(path)


def save_plots(model: Model, measured: Measured, folder: Path) -> list[Path]:
    """All that the evaluation allows, as PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    places = [folder / f"{name}.png" for name in ("recall", "similarity", "heat")]
    for path in places:  # of another evaluation, which may have allowed more
        path.unlink(missing_ok=True)
    if measured.held is not None:
        recall_curves(measured.held, folder / "recall.png")
        similarity(measured.held, folder / "similarity.png")
    if measured.evidence is not None:
        heat_examples(model, measured, folder / "heat.png")
    return [path for path in places if path.is_file()]
