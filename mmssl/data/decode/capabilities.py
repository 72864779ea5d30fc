"""What a decoder can and cannot do, as the conformance suite holds it to."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Capabilities:
    """Each field is a promise that `tests/data/decode/test_conformance.py` and `tests/clock` test, in both directions.

    Attributes:
        start_offsets: keeps the distance between the starts of picture and sound; without it no clip is in synchrony.
        edit_lists: shows nothing that an edit list hides, as where a film was cut without encoding it again.
        open_gops: is right after going to a keyframe that pictures before it depend on, usual in HEVC and MPEG-4.
        priming: leaves out what an encoder put before the sound, in Opus and in fragmented MP4 too.
        avi: gives AVI, which stores no presentation times, the right ones.
        transport_streams: shows the right pictures of MPEG-TS wherever it goes.
        quarter_turns: shows pictures tagged with 90 or 270 degrees, however narrow.
        surround_mean: mixes more than two channels by their mean.
        truncation: notices that a file ends before its declared end.
        file_objects: opens members of shards and other open files, not just paths.
        missing_codecs: picture codecs it does not decode.
        warning: one sentence for whoever selects it, "" for none.
    """

    start_offsets: bool = True
    edit_lists: bool = True
    open_gops: bool = True
    priming: bool = True
    avi: bool = True
    transport_streams: bool = True
    quarter_turns: bool = True
    surround_mean: bool = True
    truncation: bool = True
    file_objects: bool = True
    missing_codecs: frozenset[str] = frozenset()
    warning: str = ""

    @property
    def synchronous(self) -> bool:
        """Whether picture and sound of a clip are of the same instant: what learning or measuring synchrony needs.

        `benchmarks/results/clock.md` shows by how much a decoder without these is off.
        """
        return self.start_offsets and self.edit_lists and self.priming
