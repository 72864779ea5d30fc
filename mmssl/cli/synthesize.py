"""`mmssl synthesize`."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option


def synthesize(
    out: Annotated[Path, Argument(help="Folder for the clips; what is there already is kept.")],
    clips: Annotated[int, Option(min=1, help="How many, in all splits together.")] = 1000,
    seed: Annotated[int, Option(min=0, help="Of the world: the same seed gives the same files.")] = 0,
    workers: Annotated[int, Option(min=1, help="Processes.")] = 1,
    seconds: Annotated[float, Option(help="Length of a clip, 0.5 to 600.")] = 4.0,
    pixels: Annotated[int, Option(help="Side of the picture: even, 32 to 1024.")] = 128,
    difficulty: Annotated[str, Option(help="easy, default, hard, actions or uneven.")] = "default",
    splits: Annotated[str, Option(help="Shares of the clips.")] = "train=0.8,valid=0.1,test=0.1",
    linked: Annotated[bool, Option(help="Off: each picture gets another scene's sound, as a control.")] = True,
    max_offset: Annotated[float, Option(help="Most seconds by which sound and picture are moved apart.")] = 0.0,
) -> None:
    """Render a made-up world of sounding shapes to MP4 files with captions and exact ground truth.

    Example:
        mmssl synthesize world --clips 1200 --splits train=1000,test=200 --workers 2
        mmssl synthesize late --max-offset 0.4 --pixels 64
    """
    from dataclasses import replace

    from mmssl.data.synthetic.difficulty import named
    from mmssl.data.synthetic.generate import World, parse_splits
    from mmssl.data.synthetic.generate import synthesize as render

    chosen = replace(named(difficulty), linked=linked, max_offset=max_offset)
    world = World(seed=seed, seconds=seconds, pixels=pixels, difficulty=chosen)
    made = render(out, clips, world=world, splits=parse_splits(splits), workers=workers)
    print(f"{made} clips made, {clips - made} were there already, in {out}")
