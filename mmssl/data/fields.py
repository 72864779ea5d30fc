"""Named fields (of a `.json`, a manifest row) to a `Recording`."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from mmssl.data.recordings import Caption, Recording
from mmssl.data.text import clean

KNOWN = frozenset({"captions", "caption", "language", "start", "end", "label", "group"})


class FieldError(ValueError):
    """A field is wrong. The message begins with its name; who knows the file and line tells the user."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(f"field {field!r} {detail}")


def seconds(field: str, value: object) -> float | None:
    """A time in seconds; None when empty.

    Raises:
        FieldError: not a finite number of at least 0.
    """
    if value is None or value == "":
        return None
    try:
        number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise FieldError(field, f"must be seconds, a number of at least 0, not {value!r:.40}")
    return number


def span(fields: Mapping[str, Any], name: str = "") -> tuple[float | None, float | None]:
    """The fields `start` and `end`, in seconds.

    Raises:
        FieldError: one is no time, or the end is not after the start.
    """
    start, end = seconds(f"{name}start", fields.get("start")), seconds(f"{name}end", fields.get("end"))
    if end is not None and end <= (start or 0.0):
        raise FieldError(f"{name}end", f"must be after its start, but {end:g} <= {start or 0.0:g}")
    return start, end


def _text(field: str, value: object) -> str:
    if not isinstance(value, str):
        raise FieldError(field, f"must be text, not {value!r:.40}")
    try:
        return clean(value)
    except ValueError as error:
        raise FieldError(field, str(error)) from None


def captions_of(field: str, value: object, language: str) -> Iterator[Caption]:
    """Captions from text, `{"text", "language", "start", "end"}`, `{language: captions}` or a list of those.

    Raises:
        FieldError: none of these.
    """
    if value is None:
        return
    if isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from captions_of(f"{field}[{i}]", item, language)
    elif isinstance(value, Mapping) and "text" in value:
        start, end = span(value, f"{field}.")
        spoken = _text(f"{field}.language", value.get("language") or language)
        if text := _text(f"{field}.text", value["text"]):
            yield Caption(text, spoken, start, end)
    elif isinstance(value, Mapping):
        for spoken, item in value.items():
            yield from captions_of(f"{field}.{spoken}", item, _text(f"{field}.{spoken}", spoken))
    elif text := _text(field, value):
        yield Caption(text, language)


def unique(captions: Iterator[Caption]) -> tuple[Caption, ...]:
    """Each text once for the same seconds: shards of others repeat the caption of the `.json` in a `.txt`."""
    return tuple(
        {(caption.text, caption.start, caption.end): caption for caption in reversed(tuple(captions))}.values()
    )[::-1]


def identifier(value: object) -> str:
    """A label or group as text; "" for lists and tables, which shards of others keep under these names."""
    return str(value) if isinstance(value, str | int | float) else ""


def recording(key: str, extension: str, fields: Mapping[str, Any], group: str = "") -> Recording:
    """A recording with the fields of a `.json` or a manifest row; a field that mmssl does not know goes to `extra`.

    Args:
        key: its name.
        extension: of the media file, without the dot.
        fields: as read from JSON or CSV.
        group: when the fields name none; the key when this is empty too.

    Raises:
        FieldError: a field is wrong.
    """
    start, end = span(fields)
    language = _text("language", fields.get("language") or "")
    captions = [c for field in ("captions", "caption") for c in captions_of(field, fields.get(field), language)]
    extra = {name: value for name, value in fields.items() if name not in KNOWN}
    extra |= {n: v for n in ("label", "group") if not isinstance(v := fields.get(n), str | int | float | None)}
    return Recording(
        key=key,
        extension=extension,
        captions=unique(iter(captions)),
        start=start,
        end=end,
        label=_text("label", identifier(fields.get("label"))),
        group=identifier(fields.get("group")) or group or key,
        extra=extra,
    )
