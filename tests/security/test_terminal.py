"""What names, captions and messages hold is text on terminals, in pages, sheets and plots, no command and no markup."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from mmssl.applications.indexing import build_index
from mmssl.applications.model import Model
from mmssl.applications.moments import Hit, IndexedRecording
from mmssl.applications.report import Report
from mmssl.applications.sheet import contact_sheet
from mmssl.cli.app import app
from mmssl.cli.terminal import one_line, plain

# Sets the title, clears the screen, CSI of the second set, turns text around, a byte that is not UTF-8, a false line.
EVIL = "a\x1b]0;owned\x07\x1b[2J\x9b31m\u202egpj\u2066.\udcff\r[red]x[bold]"
COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def mmssl(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def harmless(text: str) -> bool:
    return COMMANDS.search(text.replace("\n", "")) is None


@pytest.mark.fault("X9")
def test_every_character(record_property: Any) -> None:
    record_property("cases", 0x3000)
    for code in [*range(0x3000), *range(0xD800, 0xE000)]:
        shown = one_line(chr(code))
        assert harmless(shown)
        assert len(shown.splitlines()) <= 1
        shown.encode()  # no half of a pair
        told = json.dumps({"a": chr(code)}, ensure_ascii=False)
        assert json.loads(plain(told)) == {"a": chr(code)}
    assert plain("äöü 中文 עברית 🎈\n\tx") == "äöü 中文 עברית 🎈\n\tx"


@pytest.fixture
def films(tmp_path: Path, film_bytes: bytes) -> Path:
    """A film, a broken one and captions, all of evil names; a slash alone is not possible."""
    folder = tmp_path / "films"
    folder.mkdir()
    named = EVIL.replace("\udcff", "")  # UTF-8, so that an index keeps it
    for name, content in ((EVIL, film_bytes), (f"{EVIL}broken", b"none"), (named, film_bytes)):
        (folder / f"{name}.mp4").write_bytes(content)
        told = {"captions": [{"text": f"x{named}", "language": named}], "label": named}
        (folder / f"{name}.json").write_text(json.dumps(told))
    return folder


@pytest.mark.fault("X9")
def test_commands_print_text(films: Path, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mmssl.applications import model as module

    monkeypatch.setattr(module, "load", lambda *_: model)
    index = tmp_path / "index"
    tried: list[Sequence[object]] = [
        ("probe", films),
        ("probe", films, "--json"),
        ("probe", films / f"{EVIL}.mp4"),
        ("probe", films / f"{EVIL}broken.mp4"),
        ("probe", films / f"{EVIL}nowhere.mp4", "--json"),
        ("pack", films, "--out", tmp_path / "shards", "--workers", 1),
        ("index", tmp_path, films, "--out", index),
        ("search", index, "ball", "--run", tmp_path),
        ("search", index, "ball", "--run", tmp_path, "--json", "--sheet", tmp_path / "a.png"),
        ("search", tmp_path / EVIL, "ball"),
        ("evaluate", tmp_path, "--data", tmp_path / EVIL),
        ("localize", tmp_path, films / f"{EVIL}.mp4", "--out", tmp_path / "out.mp4"),
        ("train", tmp_path / f"{EVIL}.py"),
    ]
    for words in tried:
        found = mmssl(*words)
        assert found.exception is None or isinstance(found.exception, SystemExit), (words[0], found.exception)
        assert found.output, words
        assert harmless(found.output), (words[0], found.output)
    answers = json.loads(mmssl(*tried[8][:-2]).stdout)
    assert answers[0]["file"].endswith(".mp4")


@pytest.mark.fault("X9")
def test_warnings_are_text(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    import logging

    from mmssl.cli.terminal import PlainFormatter

    record = logging.LogRecord("mmssl", logging.WARNING, "", 0, "left out %s", (EVIL,), None)
    assert harmless(PlainFormatter().format(record))
    # Those of libraries as well, which write to the root.
    program = f"import logging\nfrom mmssl.cli.app import options\noptions()\nlogging.warning({EVIL!r})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == plain(EVIL) + "\n"


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</title></style></pre></td><script src=http://127.0.0.1/x.js></script>",
    "javascript:alert(1)",
    "<svg/onload=alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<!--", "]]>", "<iframe srcdoc='<script>alert(1)</script>'>", "\x00<script>alert(1)</script>",
    "<meta http-equiv=refresh content='0;url=http://127.0.0.1'>", "<base href=http://127.0.0.1>",
    "\u2028<b>", EVIL[:-20],
]  # fmt: skip


class Page(HTMLParser):
    """Tags and attributes as a browser reads them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def page(text: str, folder: Path) -> Page:
    picture, drawing = folder / "a.png", folder / "b.svg"
    Image.new("RGB", (4, 4)).save(picture)
    drawing.write_text(f'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script><text>{text}</text></svg>')
    report = Report(text, text)
    report.section(text, text)
    report.note(text)
    report.table((text,), [(text,)])
    report.commands([text])
    report.figures([(picture, text), (drawing, text)])
    report.curve([(1, 3.0), (2, 1.0)], text)
    report.write(folder / "report.html")
    read = Page()
    read.feed((folder / "report.html").read_text())
    return read


@pytest.mark.fault("X9")
@pytest.mark.parametrize("text", HOSTILE)
def test_pages_have_the_same_tags_whatever_they_say(text: str, tmp_path: Path) -> None:
    honest, found = page("a boat", tmp_path), page(text, tmp_path)
    assert [tag for tag, _ in found.tags] == [tag for tag, _ in honest.tags]
    assert [set(attributes) for _, attributes in found.tags] == [set(attributes) for _, attributes in honest.tags]
    for tag, attributes in found.tags:
        assert not any(name.startswith("on") for name in attributes)
        assert tag not in {"script", "iframe", "base", "a", "object", "embed"}
        for name in ("src", "href"):
            assert (attributes.get(name) or "data:").startswith("data:")
    policy = next(a["content"] for tag, a in found.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'")


@pytest.mark.fault("X9")
def test_sheets_and_plots_draw_any_name(model: Model, tmp_path: Path) -> None:
    from mmssl.applications.plots import figure
    from mmssl.applications.sheet import drawable

    for text in (*HOSTILE[:4], EVIL, r"$\frac{}$", "$$", r"\usepackage", "x" * 500):
        hit = Hit(0.5, 0.0, 1.0, IndexedRecording("k", text, text, "", "f", text, text), text)
        contact_sheet([hit], text, tmp_path / "sheet.png", model.reader)
        made, axes = figure(2, 2)
        axes[0, 0].set_title(drawable(text[-24:]), parse_math=False)
        made.savefig(tmp_path / "plot.png")
    assert np.asarray(Image.open(tmp_path / "sheet.png")).std() > 1


@pytest.mark.fault("X9")
def test_a_key_that_is_a_formula_ends_no_plot(model: Model, film_bytes: bytes, tmp_path: Path) -> None:
    from mmssl.applications.measure import measure
    from mmssl.applications.plots import save_plots

    folder = tmp_path / "films"
    folder.mkdir()
    for number in range(4):
        (folder / f"a$\\foo{number}$.mp4").write_bytes(film_bytes)
    boxes = [{"file": f"a$\\foo{number}$", "bbox": [[0.2, 0.2, 0.8, 0.8]]} for number in range(4)]
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    measured = measure(model, str(folder), boxes=str(tmp_path / "boxes.json"))
    assert {path.stem for path in save_plots(model, measured, tmp_path / "plots")} == {"recall", "similarity", "heat"}


@pytest.mark.fault("X9")
def test_languages_are_no_names_of_numbers(model: Model, film_bytes: bytes, tmp_path: Path) -> None:
    from mmssl.applications.measure import measure
    from mmssl.cli.tables import show

    folder = tmp_path / "films"
    folder.mkdir()
    languages = ("en", "pt-BR", "x/R@1/high", "|<script>", "-", "video")
    for number in range(4):
        (folder / f"{number}.mp4").write_bytes(film_bytes)
        told = [{"text": f"a ball {number} {language}", "language": language} for language in languages]
        (folder / f"{number}.json").write_text(json.dumps({"captions": told}))
    numbers = measure(model, str(folder)).numbers
    spoken = {name.split("/")[1] for name in numbers if "text." in name}
    assert {"text.en-video", "video-text.pt_BR"} <= spoken
    assert not any(re.search(r"[|<>]|high-", name) for name in spoken)
    show(numbers)
    report = build_index(model, str(folder), str(tmp_path / "index"))
    assert report.recordings == 4
