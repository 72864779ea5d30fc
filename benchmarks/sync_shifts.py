"""Is the offset of every moved copy found? One line a shift, -0.4 to 0.4 s, of a trained model on held-out clips.

python -m benchmarks.sync_shifts RUN --data worlds/w64/test [--limit 100]

Beside it what a perfect model would reach: within the reach, clips whose action repeats fit as well a period later, and
nobody can tell which of so many answers is the true one.
"""

import argparse

import torch

from mmssl.applications.model import load
from mmssl.evaluate.held_out import asked_for, held_out
from mmssl.evaluate.offsets import accepted, answer, credit, curve
from mmssl.evaluate.shifted import with_offset
from mmssl.evaluate.synchrony import SHIFTS, Synchronizer, Synchrony


def main() -> None:
    """See the top of this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--data", required=True)
    parser.add_argument("--limit", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    model = load(args.run, "cpu")
    objective, evaluation = model.objective, Synchrony(clips=model.run.data.of(args.data))
    assert isinstance(objective, Synchronizer)
    step, reach = objective.sync_step, evaluation.reach
    opened = evaluation.opened(step)
    total, rate = opened.settings.seconds, opened.settings.sample_rate
    seconds = int((total - max(SHIFTS)) / step + 1e-6) * step
    found: dict[float, list[torch.Tensor]] = {shift: [] for shift in SHIFTS}
    with torch.inference_mode():
        for batch in held_out(objective, opened, 25, limit=args.limit):
            late = [evaluation.truth(opened.recordings[number]) for number in batch.index.tolist()]
            rows = [row for row, told in enumerate(late) if told is not None]
            offset = torch.tensor([told.offset for told in late if told is not None])
            period = torch.tensor([told.period or torch.inf for told in late if told is not None]) / step
            for shift in SHIFTS:
                moved = torch.full((len(batch),), shift)
                cut = with_offset(batch, moved, total=total, seconds=seconds, sample_rate=rate)
                mean = curve(objective.sync_distances(cut, reach)[rows].cpu())
                true = ((offset + shift) / step).round().long()
                right = [credit(mean, true, within) for within in (0, 1)]
                fits = accepted(mean.shape[-1], true, 0, period)
                found[shift].append(
                    torch.stack(
                        [*right, credit(mean, true, 1, period), 1 / fits.sum(1), 40 * (answer(mean).steps - true)]
                    )
                )
    print(f"{asked_for(opened, args.limit)} recordings of {args.data}, {seconds:g} s each, reach {reach * step:g} s")
    print(f"{'shift':>6} {'Acc@1':>6} {'Acc@+-1':>8} {'or periods':>11} {'perfect':>8} {'median error, ms':>17}")
    for shift, parts in found.items():
        rows_of = torch.cat(parts, 1)
        means, error = rows_of[:4].mean(1).tolist(), float(rows_of[4].quantile(0.5))
        print(f"{shift:+6.2f} {means[0]:6.2f} {means[1]:8.2f} {means[2]:11.2f} {means[3]:8.2f} {error:17.0f}")
    every = torch.cat([torch.cat(parts, 1)[:4] for parts in found.values()], 1).mean(1).tolist()
    print(f"{'all':>6} {every[0]:6.2f} {every[1]:8.2f} {every[2]:11.2f} {every[3]:8.2f}")


if __name__ == "__main__":
    main()
