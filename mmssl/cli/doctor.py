"""`mmssl doctor`."""

from typing import Annotated

import typer


def doctor(
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document: a list of findings.")] = False,
) -> None:
    """Tell what this installation can do, and what is wrong with it.

    Makes a small film and has each decoder read it. A decoder whose FFmpeg has known holes is named. The exit status
    is 1 where something that mmssl cannot do without is broken.

    Example:
        mmssl doctor
        mmssl doctor --json > installation.json
    """
    from mmssl.applications.doctor import State, examine
    from mmssl.cli.documents import print_json
    from mmssl.cli.terminal import say

    found = []
    for finding in examine():
        found.append(finding)
        if not json:
            say(f"{finding.state:<8} {finding.subject:<20} {finding.detail}")
    if json:
        print_json([vars(finding) for finding in found])
    if any(finding.state is State.BROKEN for finding in found):
        raise typer.Exit(1)
