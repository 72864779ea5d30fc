"""Text of strangers on a terminal: names, captions and messages may hold what a terminal takes for commands."""

import logging
import re
import sys

# Control characters of both sets but tab and line end (ESC and CSI begin commands that move the cursor, set the title
# or answer into the keyboard), what turns the direction of the text around it, line separators, and the half of a pair
# by which Python writes a byte of a file's name that is not UTF-8.
_HARMFUL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def plain(text: object) -> str:
    r"""The text with what a terminal would obey written as `\u001b`, which JSON reads as the same character."""
    return _HARMFUL.sub(lambda found: f"\\u{ord(found[0]):04x}", str(text))


def one_line(text: object) -> str:
    """The same, with line ends written as well: a name that holds one shall not look like a line of ours."""
    return plain(text).replace("\n", "\\u000a").replace("\t", "\\u0009")


def say(text: object) -> None:
    """Print a line for people."""
    print(one_line(text))


def warn(text: object) -> None:
    """Print a line about the work, beside its results."""
    print(one_line(text), file=sys.stderr)


class PlainFormatter(logging.Formatter):
    """Log lines without commands to the terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """As of every formatter."""
        return plain(super().format(record))
