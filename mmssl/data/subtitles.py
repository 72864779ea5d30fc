"""SubRip (`.srt`) and WebVTT (`.vtt`) to captions with times."""

import html
import re
from collections.abc import Iterator

from mmssl.data.recordings import Caption
from mmssl.data.text import clean, decode
from mmssl.errors import Fault, MediaError

# Hours may be left out in WebVTT; SubRip separates milliseconds by a comma, WebVTT by a point.
_TIME = r"(?:(\d+):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,3}))?"
_CUE = re.compile(rf"^\s*{_TIME}\s*-->\s*{_TIME}(?:\s|$)")
_MARKUP = re.compile(r"<[^<>]*>|\{\\[^{}]*\}")
_LANGUAGE = re.compile(r"^Language:\s*([A-Za-z]{2,3})\b", re.MULTILINE)


def _seconds(hours: str | None, minutes: str, seconds: str, fraction: str | None) -> float:
    return int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + float(f"0.{fraction or 0}")


def subtitles(data: bytes, name: str, language: str = "") -> Iterator[Caption]:
    """Cues in the order of the file; empty ones, comments and style blocks are left out, markup is removed.

    Args:
        data: the file.
        name: what messages call it.
        language: of the captions, where the file does not say.

    Raises:
        MediaError: TEXT, not UTF-8, or an arrow without two times (with its line).
    """
    text = decode(data, name)
    header = text.split("\n\n", 1)[0]
    if header.startswith("WEBVTT") and (found := _LANGUAGE.search(header)):
        language = language or found[1].lower()
    lines = text.split("\n")
    times: tuple[float, float] | None = None
    words: list[str] = []
    for number, line in enumerate([*lines, ""], 1):
        if times is None and "-->" in line:
            cue = _CUE.match(line)
            if cue is None:
                detail = f"line {number} has no two times like 00:00:01,000 --> 00:00:02,000: {line.strip()!r:.60}"
                raise MediaError(name, Fault.TEXT, detail)
            times = _seconds(*cue.groups()[:4]), _seconds(*cue.groups()[4:])
        elif times is not None and line.strip():
            words.append(line)
        elif times is not None:
            said = clean(html.unescape(_MARKUP.sub("", " ".join(words))))
            if said and times[1] > times[0]:
                yield Caption(said, language, *times)
            times, words = None, []
