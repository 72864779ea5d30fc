"""`mmssl train`."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmssl.cli.recipe_options import completed, describe, find_recipe, parse_options, read_page
from mmssl.errors import UsageError

if TYPE_CHECKING:
    from mmssl.objective import Objective

SHELVES = (Path("recipes"),)  # where a recipe that is called by its bare name is looked for


def train(
    context: typer.Context,
    recipe: Annotated[
        str | None, typer.Argument(metavar="RECIPE", help="Path of a recipe, or its name in ./recipes.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder to make; default runs/NAME.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the newest checkpoint in --out.")] = False,
    begin_with: Annotated[
        Path | None, typer.Option(help="Run folder of the same model, whose newest weights this run begins with.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")] = "auto",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Build all, run two steps, print sizes.")] = False,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes that decode, 0: this one does; the recipe's if not given.")
    ] = None,
    recompute: Annotated[
        bool, typer.Option("--recompute", help="Compute features again in backward: less memory, a third slower.")
    ] = False,
    shard: Annotated[bool, typer.Option("--shard", help="Divide weights and moments among the processes.")] = False,
    help_: Annotated[bool, typer.Option("--help", help="Show this, and with RECIPE the recipe's own options.")] = False,
) -> None:
    """Train a model with a recipe; each argument of the recipe is an option after its name.

    A recipe is a Python page, ours or yours, whose function `recipe` returns a `mmssl.run.Run`; CONTRIBUTING.md shows
    one.

    SIGINT (Ctrl-C), SIGTERM and SIGUSR1 end the step, save, and exit; --resume goes on bit for bit. Several processes:
    `torchrun --nproc-per-node 8 --no-python mmssl train RECIPE ...`.

    Example:
        mmssl train recipes/quickstart.py --help
        mmssl train recipes/quickstart.py --out runs/first --steps 300
        mmssl train recipes/quickstart.py --out runs/first --resume
        mmssl train recipes/quickstart.py --out runs/second --begin-with runs/first --lr 1e-3
    """
    if recipe is None:
        if help_:
            print(context.get_help())
            return
        raise UsageError("which recipe? mmssl train recipes/NAME.py; mmssl train --help says more")
    if recipe.startswith("-"):
        raise UsageError(f"{recipe} stands before the recipe; write mmssl train RECIPE, then its options")
    page = read_page(find_recipe(recipe, SHELVES))
    if help_:
        print(f"{context.get_help()}\n\n{page.about}\n\n{describe(page)}")
        return
    own = [flag for parameter in context.command.params for flag in parameter.opts if flag.startswith("--")]
    typed = parse_options(page, context.args, own)
    folder = out if out is not None else Path("runs") / page.path.stem
    goes_on = resume and (folder / "run.json").exists()
    arguments = typed if goes_on else completed(page, typed)
    # From here on torch is needed.
    from mmssl.training.dry_run import dry_run as rehearse
    from mmssl.training.folder import resumed_recipe
    from mmssl.training.loop import train as train_run
    from mmssl.training.processes import first, leaving_cores
    from mmssl.training.recipe import Recipe

    made_by = resumed_recipe(folder, page.path, typed) if goes_on else Recipe(page.path, arguments)
    run = made_by.build()
    # By the recipe's workers and not by --workers: the number of threads decides the last bits of a sum, and a run may
    # go on with other workers bit for bit.
    with leaving_cores(run.workers):
        workers = run.workers if workers is None else workers
        run = replace(run, workers=workers, shard=run.shard or shard, recompute=run.recompute or recompute)
        if dry_run:
            rehearse(run, device, begin_with)
            return
        train_run(run, folder, device=device, resume=resume, recipe=made_by, begin_with=begin_with)
    if first():
        print(f"{folder} is trained; next: {', or '.join(uses(folder, run.objective))}")


def uses(folder: Path, objective: "Objective") -> list[str]:
    """Commands for what the model can do."""
    from mmssl.applications.measure import FURTHER

    commands = {"synchrony": "sync {} FILM", "alignment": "align {} FILM FILM", "clusters": "cluster {} DATA"}
    able = [commands[further.name] for further in FURTHER if further.name in commands and further.suits(objective)]
    search = ["index {} DATA --out INDEX"] if objective.comparable else []
    return [f"mmssl {command.format(folder)}" for command in ["evaluate {} HELD_OUT", *able, *search]]
