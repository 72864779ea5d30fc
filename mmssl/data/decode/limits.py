"""What is too large to decode, and which decoders may run at all: data from strangers meets these first."""

from dataclasses import dataclass

# Decoders of formats that people really hold; rare ones are where the memory errors of a media library live.
_PICTURES = """h264 hevc vp8 vp9 av1 mpeg1video mpeg2video mpeg4 msmpeg4v2 msmpeg4v3 h263 flv1 wmv1 wmv2 vc1 theora
    mjpeg prores gif png ffv1"""
_SOUNDS = """aac mp3 mp2 opus vorbis flac alac ac3 eac3 amrnb amrwb wmav1 wmav2 adpcm_ima_wav adpcm_ms
    pcm_s16le pcm_s16be pcm_s24le pcm_s24be pcm_s32le pcm_s32be pcm_f32le pcm_f32be pcm_f64le pcm_f64be
    pcm_u8 pcm_s8 pcm_alaw pcm_mulaw"""
CODECS = frozenset(_PICTURES.split()) | frozenset(_SOUNDS.split())

# Containers whose demuxers read the one file they are given. Playlists (hls, concat, dash) open other files.
FORMATS = (
    "mov",
    "matroska",
    "avi",
    "mpeg",
    "mpegts",
    "flv",
    "asf",
    "gif",
    "ogg",
    "wav",
    "w64",
    "aiff",
    "flac",
    "mp3",
    "aac",
)


@dataclass(frozen=True)
class Limits:
    """Above any of these a recording is TOO_LARGE, before it is decoded.

    Attributes:
        size: bytes of the file.
        seconds: of the recording.
        pixels: of one picture.
        streams: in the container.
        channels: of the sound.
    """

    size: int = 8 * 1024**3
    seconds: float = 6 * 3600.0
    pixels: int = 8192 * 4320
    streams: int = 32
    channels: int = 64
