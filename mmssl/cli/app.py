"""`mmssl`, the command line: each command is one function in a file of its own.

Nothing here or at the top of those files imports torch, so help and the answer to a misspelling come at once.
"""

import inspect
import io
import logging
import os
import re
import signal
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from mmssl import __version__
from mmssl.cli.align import align
from mmssl.cli.classify import classify
from mmssl.cli.cluster import cluster
from mmssl.cli.doctor import doctor
from mmssl.cli.evaluate import evaluate
from mmssl.cli.features import features
from mmssl.cli.filter import filter_
from mmssl.cli.index import index
from mmssl.cli.localize import localize
from mmssl.cli.pack import pack
from mmssl.cli.probe import probe
from mmssl.cli.quickstart import quickstart
from mmssl.cli.refusals import sentence
from mmssl.cli.search import search
from mmssl.cli.sync import sync
from mmssl.cli.synthesize import synthesize
from mmssl.cli.terminal import PlainFormatter, warn
from mmssl.cli.train import train
from mmssl.cli.transfer import transfer
from mmssl.data.allocator import keep_freed_memory
from mmssl.errors import MmsslError


class _Commands(TyperGroup):
    """Turns what the user did wrong into one line and an exit status."""

    def invoke(self, ctx: Any) -> Any:
        try:
            result = super().invoke(ctx)
            print(end="", flush=True)  # a full disk is told here, not in a traceback when Python ends
            return result
        except MmsslError as error:
            if ctx.params["debug"]:
                raise
            warn(f"mmssl: {error}")
            sys.exit(error.exit_status)
        except OSError as error:
            told = sentence(error)
            if told is None or ctx.params["debug"]:
                raise
            warn(f"mmssl: {told}")
            sys.exit(MmsslError.exit_status)
        except KeyboardInterrupt:
            sys.exit(128 + signal.SIGINT)


app = typer.Typer(
    cls=_Commands,
    help="Self-supervised learning from video, sound and text: train, search, localize.\n\n"
    "Begin with `mmssl quickstart`; `mmssl COMMAND --help` has examples.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Set what all commands share."""
    # Without --debug, Python prints warnings alone, and through a progress bar without tearing it. Where the root has a
    # handler, `logging.warning` of a library does not give it one that prints names as they are.
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(PlainFormatter())
        if not debug:
            logging.getLogger().addHandler(logging.lastResort)
    if debug:
        handler = logging.StreamHandler()
        handler.setFormatter(PlainFormatter("%(levelname)s %(name)s: %(message)s"))
        logging.basicConfig(level=logging.DEBUG, handlers=[handler])


def _first_line(function: Callable[..., None]) -> str:
    return (function.__doc__ or "").split("\n")[0]


def _help(function: Callable[..., None]) -> str:
    r"""The docstring with `\b` before indented lines, which keeps the examples from being wrapped."""
    paragraphs = inspect.cleandoc(function.__doc__ or "").split("\n\n")
    return "\n\n".join(f"\b\n{text}" if re.search(r"^\s", text, re.MULTILINE) else text for text in paragraphs)


# `train` hands options that it does not know to the recipe, and shows the recipe's in its help.
app.command(
    help=_help(train),
    short_help=_first_line(train),
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)(train)
for _command in (
    quickstart,
    evaluate,
    transfer,
    classify,
    features,
    index,
    search,
    localize,
    sync,
    align,
    cluster,
    probe,
    pack,
    filter_,
    synthesize,
    doctor,
):
    app.command(_command.__name__.rstrip("_"), help=_help(_command), short_help=_first_line(_command))(_command)


def main() -> None:
    """The entry point of the command `mmssl`."""
    # Threads of OpenMP that wait by spinning take the cores from the workers that decode. Read when torch is imported,
    # which is later.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # numpy multiplies small matrices alone here, in processes that use every core already: its threads only wait for
    # each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name that this terminal's encoding lacks ends no work
    keep_freed_memory()
    app()


if __name__ == "__main__":
    main()
