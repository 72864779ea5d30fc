"""How far films that are in step are from each other over time, and at which pace each goes, as a picture."""

from pathlib import Path

from mmssl.applications.align import Aligned
from mmssl.applications.plots import figure
from mmssl.applications.sheet import drawable


def plot_alignment(aligned: Aligned, path: Path) -> None:
    """Anomaly and time of each film over the clock, as PNG."""
    made, axes = figure(8.0, 5.2, rows=2)
    for film in aligned.films:
        name = drawable(Path(film.file).name[-32:]).replace("$", r"\$")
        axes[0, 0].plot(aligned.moments, film.anomaly, label=name)
        axes[1, 0].plot(aligned.moments, film.times, label=name)
    axes[0, 0].set(ylabel="distance to the nearest other film")
    axes[1, 0].set(xlabel="clock, seconds", ylabel="film, seconds")
    axes[0, 0].legend(frameon=False)
    made.savefig(path)
