"""A report carries all it shows, and what captions and names say stays text."""

import re
from pathlib import Path

import pytest
from PIL import Image

from mmssl.applications.report import Report

EVIL = '<script>alert(1)</script>"><img src=x onerror=alert(2)>'


@pytest.fixture
def page(tmp_path: Path) -> str:
    picture = tmp_path / "a.png"
    Image.new("RGB", (4, 4)).save(picture)
    film = tmp_path / "b.mp4"
    film.write_bytes(b"not looked into")
    report = Report(EVIL, EVIL)
    report.section(EVIL, EVIL)
    report.note(EVIL)
    report.table((EVIL, EVIL), [(EVIL, EVIL)])
    report.commands([EVIL])
    report.figures([(picture, EVIL), (film, EVIL)])
    report.curve([(1, 3.0), (2, 1.0)], EVIL)
    report.curve([(1, 3.0)], "one point")
    report.write(tmp_path / "report.html")
    return (tmp_path / "report.html").read_text()


@pytest.mark.fault("X9")
def test_nothing_comes_from_elsewhere(page: str) -> None:
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert len(sources) == 2
    assert all(source.startswith("data:") for source in sources)
    assert "http" not in page.replace("http-equiv", "")


@pytest.mark.fault("X9")
def test_text_is_never_markup(page: str) -> None:
    assert "<script" not in page
    assert "<img src=x" not in page
    assert page.count("&lt;script&gt;") >= 8


def test_what_it_cannot_show_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.png"):
        Report("", "").figures([(tmp_path / "a.exe", "")])
