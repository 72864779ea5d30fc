"""`--json` means one thing in every command: one document on the output, which any reader of JSON takes."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from mmssl.cli.app import app
from mmssl.cli.documents import document, print_json


def test_it_is_a_flag_wherever_it_is() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    found = {name: p for name, command in commands.items() for p in command.params if "--json" in p.opts}
    assert set(found) == {"doctor", "probe", "search", "evaluate", "transfer"}
    assert all(option.is_flag and not option.secondary_opts for option in found.values())
    assert all("Print" in option.help and "one JSON document" in option.help for option in found.values())


def test_what_json_has_no_number_for_is_null(capsys: pytest.CaptureFixture[str]) -> None:
    told = {"a": math.nan, "b": [math.inf, 1.5, {"c": -math.inf}], "d": (1, "圆\x1b", None), "n\udce9.mp4": True}
    wanted = {"a": None, "b": [None, 1.5, {"c": None}], "d": [1, "圆\x1b", None], "n\udce9.mp4": True}
    assert json.loads(document(told)) == wanted
    print_json(told)
    printed = capsys.readouterr().out
    assert json.loads(printed) == wanted
    assert "圆" in printed
    assert "\x1b" not in printed
    assert printed.endswith("}\n")


def test_a_terminal_without_unicode(tmp_path: Path) -> None:
    (tmp_path / "é圆.mp4").write_bytes(b"no film")
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    command = [sys.executable, "-c", "from mmssl.cli.app import main; main()", "probe", "é圆.mp4"]

    def said(*more: str) -> bytes:
        return subprocess.run([*command, *more], cwd=tmp_path, env=environment, capture_output=True, check=False).stdout

    assert said().startswith("é\\u5706.mp4".encode("latin-1"))
    assert json.loads(said("--json").decode("ascii"))["path"] == "é圆.mp4"
