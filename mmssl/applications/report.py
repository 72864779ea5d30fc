"""One HTML file that shows a run: pictures, numbers, curves and commands, with nothing loaded from anywhere else."""

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

STYLE = """
:root { color-scheme: light dark; --ink: #1d2430; --paper: #fbfaf7; --soft: #6a7383; --line: #dcd8cf; --card: #fff;
  --accent: #b4462b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e3dc; --paper: #15181d; --soft: #98a1af; --line: #2e343d;
  --card: #1c2027; --accent: #f08a5d; } }
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, sans-serif }
main { max-width: 64rem; margin: 0 auto; padding: 2.5rem 1.25rem 5rem }
h1 { font-size: 2.1rem; line-height: 1.15; margin: 0 0 .4rem; letter-spacing: -.02em }
h2 { font-size: 1.25rem; margin: 2.8rem 0 .6rem; padding-top: 1rem; border-top: 1px solid var(--line) }
p { max-width: 46rem } .lead, figcaption, .note { color: var(--soft) }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: right; padding: .35rem .7rem; border-bottom: 1px solid var(--line) }
th { font-weight: 600; color: var(--soft) } th:first-child, td:first-child { text-align: left }
.scroll { overflow-x: auto } pre { overflow-x: auto; padding: 1rem; border: 1px solid var(--line); border-radius: 8px;
  background: var(--card); font: 13.5px/1.6 ui-monospace, monospace }
figure { margin: 1rem 0 } figure img, figure video { width: 100%; border-radius: 8px; display: block }
.pair { display: flex; flex-wrap: wrap; gap: 1.2rem } .pair figure { flex: 1 1 16rem; margin: .5rem 0 }
svg { width: 100%; height: auto } svg text { fill: var(--soft); font-size: 11px }
"""

MEDIA_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".mp4": "video/mp4", ".svg": "image/svg+xml"}


@dataclass
class Report:
    """Sections in the order in which they are added; every text is escaped, since captions come from anywhere."""

    title: str
    lead: str
    parts: list[str] = field(default_factory=list)

    def section(self, title: str, text: str = "") -> None:
        """Start a section."""
        paragraph = f"<p>{html.escape(text)}</p>" if text else ""
        self.parts.append(f"<h2>{html.escape(title)}</h2>{paragraph}")

    def note(self, text: str) -> None:
        """A paragraph in a softer color."""
        self.parts.append(f'<p class="note">{html.escape(text)}</p>')

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """The first column is text, the others are numbers."""
        cells = "".join(f"<th>{html.escape(name)}</th>" for name in head)
        body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
        table = f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"
        self.parts.append(f'<div class="scroll">{table}</div>')

    def commands(self, lines: Sequence[str]) -> None:
        """Shell commands to copy."""
        self.parts.append(f"<pre>{html.escape(chr(10).join(lines))}</pre>")

    def figures(self, files: Sequence[tuple[Path, str]]) -> None:
        """Pictures and films side by side, each with its caption, carried inside the page.

        Raises:
            ValueError: a file is none of png, jpg, svg and mp4.
        """
        self.parts.append(f'<div class="pair">{"".join(_figure(path, caption) for path, caption in files)}</div>')

    def curve(self, values: Sequence[tuple[float, float]], name: str) -> None:
        """A line through (x, y) points, drawn as SVG; `name` says what y is."""
        self.parts.append(_curve(values, name))

    def write(self, path: Path) -> None:
        """The page as one file."""
        page = (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            # Nothing but what the page carries: a caption that smuggled in a script or an address would do nothing.
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
            'img-src data:; media-src data:">'
            f"<title>{html.escape(self.title)}</title><style>{STYLE}</style></head><body><main>"
            f'<h1>{html.escape(self.title)}</h1><p class="lead">{html.escape(self.lead)}</p>'
            f"{''.join(self.parts)}</main></body></html>\n"
        )
        path.write_text(page, encoding="utf-8")


def _figure(path: Path, caption: str) -> str:
    kind = MEDIA_TYPES.get(path.suffix.lower())
    if kind is None:
        raise ValueError(f"{path}: a report holds {', '.join(MEDIA_TYPES)}")
    address = f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
    text = html.escape(caption)
    shown = (
        f'<video src="{address}" controls loop playsinline></video>'
        if kind.startswith("video")
        else f'<img src="{address}" alt="{text}">'
    )
    return f"<figure>{shown}<figcaption>{text}</figcaption></figure>"


def _curve(values: Sequence[tuple[float, float]], name: str) -> str:
    width, height, left, bottom = 720, 240, 46, 26
    xs, ys = [x for x, _ in values], [y for _, y in values]
    low, high = min(ys), max(ys)
    across = (width - left - 8) / ((max(xs) - min(xs)) or 1)
    up = (height - bottom - 12) / ((high - low) or 1)
    points = " ".join(f"{left + (x - min(xs)) * across:.1f},{height - bottom - (y - low) * up:.1f}" for x, y in values)
    labels = (
        f'<text x="{left - 6}" y="{height - bottom}" text-anchor="end">{low:.3g}</text>'
        f'<text x="{left - 6}" y="16" text-anchor="end">{high:.3g}</text>'
        f'<text x="{left}" y="{height - 8}">{min(xs):.0f}</text>'
        f'<text x="{width - 8}" y="{height - 8}" text-anchor="end">{max(xs):.0f} steps</text>'
    )
    axis = f'<path d="M{left} 8V{height - bottom}H{width - 8}" fill="none" stroke="var(--line)"/>'
    line = f'<polyline points="{points}" fill="none" stroke="var(--accent)" stroke-width="1.6"/>'
    return (
        f'<figure><svg viewBox="0 0 {width} {height}" role="img" aria-label="{html.escape(name)}">'
        f"{axis}{line}{labels}</svg><figcaption>{html.escape(name)}</figcaption></figure>"
    )
