"""What a decoder can and cannot do, as the conformance suite holds it to."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Capabilities:
    """Each field is a promise that `tests/data/decode/test_conformance.py` tests, in both directions.

    Attributes:
        start_offsets: keeps the distance between the starts of picture and sound; without it no clip is in synchrony.
        file_objects: opens members of shards and other open files, not just paths.
        random_sound: decodes only the wanted seconds of sound, not the whole recording.
        truncation: notices that a file ends before its declared end.
        missing_codecs: picture codecs it does not decode.
        warning: one sentence for whoever selects it, "" for none.
    """

    start_offsets: bool = True
    file_objects: bool = True
    random_sound: bool = True
    truncation: bool = True
    missing_codecs: frozenset[str] = frozenset()
    warning: str = ""
