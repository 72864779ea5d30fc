"""Which recordings of a source an index should hold, told apart without reading any media."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from mmssl.applications.moments import IndexedRecording
from mmssl.data.decode.reader import Source
from mmssl.data.keyed import Keyed
from mmssl.data.network import is_remote
from mmssl.data.recordings import Recording
from mmssl.errors import Fault, MediaError


def absolute(source: str) -> str:
    """The same data whatever the working folder, with or without a slash at its end; a glob stays one."""
    return source.rstrip("/") if is_remote(source) else str(Path.cwd() / source)


def stamp(source: Source) -> str:
    """Changes when the media do: size and time of change of a file, place and size of a shard's member.

    Raises:
        MediaError: MISSING, the file is gone.
    """
    if isinstance(source, str):
        try:
            status = Path(source).stat()
        except OSError as error:
            raise MediaError(source, Fault.MISSING, f"cannot be read: {error.strerror}") from None
        return f"{status.st_size} {status.st_mtime_ns}"
    return str(getattr(getattr(source, "raw", source), "stamp", ""))


def entry(
    recordings: Keyed, number: int, source: str, member: str, settings: str
) -> tuple[Recording, IndexedRecording]:
    """One recording and how an index calls it.

    Args:
        recordings: the source, open.
        number: of the recording.
        source: its name.
        member: the recording's key.
        settings: what else the vectors depend on.

    Raises:
        MediaError: what describes it cannot be read, it is missing, or its name is not UTF-8.
    """
    recording, media = recordings[number], recordings.source(number)
    if isinstance(media, str):
        changed, path = stamp(media), str(Path.cwd() / media)
    else:
        with media:
            changed, path = stamp(media), ""
    if any("\ud800" <= character <= "\udfff" for character in f"{path or member}{source}"):
        raise MediaError(path or member, Fault.TEXT, "its name is not UTF-8, which no index can keep; rename it")
    cut = (recording.start, recording.end)
    told = repr((changed, cut, recording.captions, recording.label, settings))
    part = "" if cut == (None, None) else f"#{recording.start or 0:g}-{'' if recording.end is None else recording.end}"
    return recording, IndexedRecording(
        key=(path or f"{source}/{member}") + part,
        source=source,
        member=member,
        path=path,
        fingerprint=hashlib.blake2b(told.encode(errors="surrogateescape"), digest_size=16).hexdigest(),
        label=recording.label,
        caption=next((caption.text for caption in recording.captions if caption.start is None), ""),
    )


def first_caption(recording: Recording, spans: Sequence[tuple[float, float]]) -> list[str]:
    """For each span of seconds the first timed caption that meets it, or ""."""
    timed = [caption for caption in recording.captions if caption.start is not None]
    return [next((c.text for c in timed if meets((c.start, c.end), span)), "") for span in spans]


def meets(caption: tuple[float | None, float | None], span: tuple[float, float]) -> bool:
    """Whether a caption is about some of the seconds [start, end); one without times is about all of them."""
    start, end = caption
    if start is None:
        return end is None or end > span[0]
    return start < span[1] and (start >= span[0] if end is None else end > span[0])
