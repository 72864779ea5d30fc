"""`README.md` of a run folder: what the model is, what it saw, how good it is, how to load it."""

import json
from collections.abc import Mapping
from pathlib import Path

from mmssl.data.atomic import write_atomically
from mmssl.run import Run
from mmssl.training.folder import read_run_json
from mmssl.training.measures import table


def counts(run: Run) -> dict[str, int]:
    """Parameters of each encoder, of the heads, and of all."""
    objective = run.objective
    parts = {f"{name} encoder": module for name, module in objective.encoders.items()}
    parts |= {"heads": objective.heads, "all": objective}
    return {name: sum(parameter.numel() for parameter in part.parameters()) for name, part in parts.items()}


def write_card(folder: Path, run: Run, step: int, measured: tuple[int, Mapping[str, float]]) -> None:
    """Write it.

    Args:
        folder: the run folder.
        run: what was trained.
        step: steps done.
        measured: after which step the last evaluation was, and its numbers with chance levels.
    """
    content = read_run_json(folder)
    objective = (type(run.objective).__doc__ or "").strip().split("\n")[0]
    sizes = "".join(f"| {name} | {count:,} |\n" for name, count in counts(run).items())
    arguments = json.dumps(content["arguments"], indent=1, default=str)
    clips = run.data
    when, numbers = measured
    averaged = " of the averaged weights" if run.optimization.ema else ""
    shown = "None were measured; `mmssl evaluate` measures them."
    if numbers:
        shown = f"Measured after step {when}{averaged}.\n\n{table(numbers)}"
    begun = f"Began with the weights of `{content['begin_with']}`.\n" if content.get("begin_with") else ""
    state = f" (commit {content['commit']})" if content["commit"] else ""
    page = f"""# {content["recipe"] or type(run.objective).__name__}

{type(run.objective).__name__}: {objective}
Trained for {step} of {run.steps} steps of {run.batch_size} clips, seed {run.seed}.
{begun}Made by mmssl {content["versions"]["mmssl"]}{state}.

## Data
`{clips.source}`: clips of {clips.seconds:g} s, {clips.frames} frames of {clips.pixels}x{clips.pixels} pixels,
sound at {clips.sample_rate} Hz, {clips.captions if clips.has_text else 0} captions.
Fingerprint `{content["data_fingerprint"]}`.
Recordings that could not be read are in `skipped.jsonl`.

## Numbers
{shown}

## Parameters
| part | parameters |
|---|---|
{sizes}
## Use
```python
import mmssl

model = mmssl.load("{folder}")
```
Rebuilt from `recipe.py` with these arguments:
```json
{arguments}
```
Started {content["started"]} on {content["processes"]} processes with torch {content["versions"]["torch"]}.
"""
    write_atomically(folder / "README.md", page)
