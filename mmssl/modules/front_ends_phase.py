"""Front-ends that keep phase, `[B, T', F, 2]`, or the samples, `[B, S, 1]`: separation and networks on waveforms."""

from mmssl.modules.compression import MuLaw, Root
from mmssl.modules.spectrogram import AudioFrontEnd, Same, Stft, Unpadded, Whole
from mmssl.modules.waveform import EveryOtherBin, LevelPhase, LowBins, RealImaginary, Samples, Scale, UnitPower


def soundnet() -> AudioFrontEnd:
    """SoundNet (Aytar et al. 2016): samples at 22,050 Hz scaled to [-256, 256]; 20 s give `[B, 441000, 1]`."""
    return AudioFrontEnd(22_050, Scale(256.0), Samples())


def multisensory() -> AudioFrontEnd:
    """Multisensory (Owens and Efros 2018): companded samples at 21 kHz. Departure: mono, not stereo."""
    return AudioFrontEnd(21_000, MuLaw(), Samples())


def multisensory_separation() -> AudioFrontEnd:
    """Its separation: 64 / 16 ms at 21 kHz, dB in [-100, 80] and phase; 2.135 s give `[B, 128, 1024, 2]`."""
    stft = Stft(1344, 336, 2048, padding=Whole())
    return AudioFrontEnd(21_000, stft, LowBins(1024), LevelPhase(-100.0, 80.0), frames=128)


def looking_to_listen() -> AudioFrontEnd:
    """Looking to Listen (Ephrat et al. 2018): 3 s at 16 kHz to `[B, 298, 257, 2]`, magnitude^0.3, no centering."""
    return AudioFrontEnd(16_000, Stft(400, 160, 512, padding=Unpadded()), Root(0.3), RealImaginary(), frames=298)


def visual_voice() -> AudioFrontEnd:
    """VisualVoice (Gao and Grauman 2021): 2.55 s at 16 kHz to `[B, 256, 257, 2]`, loudness made equal."""
    return AudioFrontEnd(16_000, UnitPower(), Stft(400, 160, 512), RealImaginary(), frames=256)


def vovit() -> AudioFrontEnd:
    """VoViT (Montesinos et al. 2022): 2 s at 16,384 Hz to `[B, 128, 256, 2]`, every second bin."""
    return AudioFrontEnd(16_384, Stft(1022, 256, padding=Same()), EveryOtherBin(), RealImaginary(), frames=128)
