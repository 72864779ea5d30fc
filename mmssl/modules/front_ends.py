"""The front-ends of the papers by name: rows of the table in section 0.2 of the specification of the systems.

Those that keep phase or samples, for separation and generation, are in `front_ends_phase.py`.
"""

from mmssl.modules.cochleagram import Cochleagram
from mmssl.modules.compression import Decibel, Log, LogOffset, Root, Standardize, StandardizeClip
from mmssl.modules.framed import KaldiFilterBank, WelchDensity
from mmssl.modules.spectrogram import AudioFrontEnd, Magnitude, Mel, Power, Same, Stft
from mmssl.modules.speech_features import LifteredCepstra, LogTriangles, SpeechPower
from mmssl.modules.waveform import AverageNeighbors, Fit, LogFrequency, LowBins, RemoveMean


def log_mel(
    sample_rate: int = 16_000, bins: int = 80, win: int = 400, hop: int = 160, mean: float = -8.0, std: float = 4.5
) -> AudioFrontEnd:
    """Log power on the mel scale, `[B, 1 + S // hop, bins]`; MMV's, and for everything that names no other.

    Args:
        sample_rate: Hz.
        bins: of mel.
        win: samples a window; the transform is the next power of two.
        hop: samples between frames.
        mean: subtracted; that of recordings of every kind is near -8.
        std: divided by; that of recordings of every kind is near 4.5.
    """
    n_fft = 1 << (win - 1).bit_length()
    steps = (Mel(sample_rate, bins, n_fft), Log(1e-6), Standardize(mean, std))
    return AudioFrontEnd(sample_rate, Stft(win, hop, n_fft), Power(), *steps)


def l3() -> AudioFrontEnd:
    """L3-Net (Arandjelovic and Zisserman 2017): 1 s at 48 kHz to `[B, 199, 257]`, ln |X| / 5."""
    stft = Stft(512, 242, padding=Same())
    return AudioFrontEnd(48_000, stft, Magnitude(), Log(1e-12), Standardize(0.0, 5.0), frames=199)


def ave() -> AudioFrontEnd:
    """AVE-Net and AVOL-Net (Arandjelovic and Zisserman 2018): 1 s at 48 kHz to `[B, 200, 257]`."""
    return AudioFrontEnd(48_000, WelchDensity(48_000, 512, 238), LogOffset(1e-7), Standardize(0.0, 12.0), frames=200)


def lvs(sample_rate: int = 16_000) -> AudioFrontEnd:
    """LVS, EZ-VSL and SLAVC: the recipe of AVE-Net, 3 s at 16 kHz to `[B, 200, 257]`, 10 s to `[B, 671, 257]`."""
    return AudioFrontEnd(sample_rate, WelchDensity(sample_rate, 512, 238), LogOffset(1e-7), Standardize(0.0, 12.0))


def syncnet_mfcc() -> AudioFrontEnd:
    """SyncNet (Chung and Zisserman 2016): 13 cepstra, 25 / 10 ms at 16 kHz, 100 frames a second."""
    return AudioFrontEnd(16_000, SpeechPower(400, 160, 512), LifteredCepstra(16_000, 26, 512, 13))


def syncnet_mel() -> AudioFrontEnd:
    """The SyncNet trainer of 2020: 40 mel bins at 16 kHz, log, each bin of a clip standardized."""
    steps = (Mel(16_000, 40, 512, scale="htk", norm=None), Log(1e-6), StandardizeClip())
    return AudioFrontEnd(16_000, Stft(400, 160, 512), Power(), *steps)


def gdt(bins: int = 40) -> AudioFrontEnd:
    """GDT and STiCA (Patrick et al. 2020): 20 / 10 ms at 24 kHz, 1 s to `[B, 99, bins]`, (x - 1.93) / 17.89.

    XDC and AVTS are near it. `bins` is 40 or 257.
    """
    return AudioFrontEnd(
        24_000, SpeechPower(480, 240, 1024), LogTriangles(24_000, bins, 1024), Standardize(1.93, 17.89)
    )


def avid() -> AudioFrontEnd:
    """AVID-CMA (Morgado et al. 2021): 2 s at 24 kHz to `[B, 200, 257]` in dB with a range of 100 dB.

    Departure: the paper's z-score of each bin is that of its training set; here each clip's own is taken.
    """
    steps = (AverageNeighbors(), Decibel(span=100.0), Fit(200), StandardizeClip())
    return AudioFrontEnd(24_000, Stft(1024, 240), Power(), *steps, frames=200)


def cav_mae_fbank(frames: int = 1024) -> AudioFrontEnd:
    """CAV-MAE (Gong et al. 2023): Kaldi's 128 log energies at 16 kHz, padded to 1024 frames, (x + 5.081) / 4.4849."""
    steps = (RemoveMean(), KaldiFilterBank(16_000, 128), Fit(frames), Standardize(-5.081, 4.4849))
    return AudioFrontEnd(16_000, *steps, frames=frames)


def byol_a() -> AudioFrontEnd:
    """BYOL-A (Niizumi et al. 2021), as FunnyNet uses it: 64 mel bins from 60 to 7800 Hz at 16 kHz."""
    steps = (Mel(16_000, 64, 1024, low=60.0, high=7800.0), Log(1e-7), Standardize(-5.49, 5.04))
    return AudioFrontEnd(16_000, Stft(1024, 160), Power(), *steps)


def autovc() -> AudioFrontEnd:
    """AutoVC's content (Qian et al. 2019), as in MakeItTalk: 80 mel bins, 62.5 frames a second at 16 kHz."""
    steps = (Mel(16_000, 80, 1024, low=90.0, high=7600.0), Log(1e-5))
    return AudioFrontEnd(16_000, Stft(1024, 256), Magnitude(), *steps)


def sound_of_pixels() -> AudioFrontEnd:
    """Sound of Pixels (Zhao et al. 2018): 65,535 samples at 11,025 Hz to `[B, 256, 256]`, equal ratios of frequency."""
    return AudioFrontEnd(11_025, Stft(1022, 256), Magnitude(), LowBins(512), LogFrequency(256))


def indicated_sounds(sample_rate: int = 96_000) -> AudioFrontEnd:
    """Visually Indicated Sounds (Owens et al. 2016): 42 bands at 90 frames a second, x^0.3."""
    return AudioFrontEnd(sample_rate, Cochleagram(sample_rate), Root(0.3))
