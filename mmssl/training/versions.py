"""What decoded the clips that a model was trained on, and whether that is what decodes here."""

import re
from collections.abc import Mapping


def _major(version: str) -> str:
    """Of "8.1.2", of "n7.1-dev" and the like; all of it where there is no number."""
    found = re.search(r"\d+", version)
    return found[0] if found else version


def _words(versions: Mapping[str, str]) -> str:
    return " ".join(f"{name} {version}" for name, version in versions.items())


def other_decoder(was: Mapping[str, str], now: Mapping[str, str]) -> str:
    """One sentence, or "" where the same decoder has the same major version of FFmpeg.

    Args:
        was: `Reader.versions()` when it was trained; empty where nobody wrote it down.
        now: of the reader that is used.
    """
    if not was or (was.keys() == now.keys() and _major(was.get("ffmpeg", "")) == _major(now.get("ffmpeg", ""))):
        return ""
    return (
        f"was trained on clips decoded by {_words(was)}, and here {_words(now)} decodes: pixels and times may differ a "
        "little, so measure again or install what it was trained with"
    )
