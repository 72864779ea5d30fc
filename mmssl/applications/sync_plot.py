"""What was found about a film's synchrony, drawn: the distance at each shift, and the offset at each moment."""

from pathlib import Path

import numpy as np

from mmssl.applications.plots import figure
from mmssl.applications.sheet import drawable
from mmssl.applications.sync import Synced


def sync_plot(found: Synced, path: Path) -> None:
    """Write it as PNG."""
    made, axes = figure(9.6, 3.6, columns=2)
    whole, moments = axes[0]
    milliseconds = 1000 * np.array(found.shifts)
    whole.plot(milliseconds, [np.nan if value is None else value for value in found.distances], ".-")
    whole.axvline(1000 * found.offset, color="#d33", linewidth=1)
    whole.set(xlabel="sound later by, ms", ylabel="mean distance")
    told = f"{1000 * found.offset:+z.0f} ms, certainty {found.certainty:.0%}" if found.certain else "no certain offset"
    whole.set_title(f"{drawable(Path(found.file).name[-40:])}: {told}", fontsize=8, parse_math=False)
    times = [moment.time for moment in found.track]
    offsets = [np.nan if moment.offset is None else 1000 * moment.offset for moment in found.track]
    moments.plot(times, offsets, ".", markersize=2)
    moments.set(xlabel="time, s", ylabel="offset, ms", ylim=(milliseconds[0] - 20, milliseconds[-1] + 20))
    made.savefig(path)
