"""Front-ends against librosa, SciPy and Kaldi, and against slow loops where there is no oracle."""

import math
from collections.abc import Callable

import librosa
import numpy as np
import pytest
import scipy.signal
import torch
from torch import Tensor
from torchaudio.compliance import kaldi

from mmssl.errors import UsageError
from mmssl.modules import front_ends, front_ends_phase, spectrogram
from mmssl.modules.bands import Bands
from mmssl.modules.cochleagram import Cochleagram
from mmssl.modules.compression import Decibel, Log, LogOffset, MuLaw, Root, Standardize, StandardizeClip
from mmssl.modules.spectrogram import AudioFrontEnd, Centered, Cepstrum, Magnitude, Mel, Power, Same, Stft, Unpadded
from mmssl.modules.speech_features import LogTriangles, SpeechPower, rounded_triangles
from mmssl.modules.waveform import AverageNeighbors, Fit, LogFrequency, RealImaginary, UnitPower

# Each front-end with the seconds of the paper and the size that the table of the specification gives.
SHAPES: list[tuple[Callable[[], AudioFrontEnd], float, tuple[int, ...]]] = [
    (front_ends.log_mel, 1.0, (101, 80)),
    (front_ends.l3, 1.0, (199, 257)),
    (front_ends.ave, 1.0, (200, 257)),
    (front_ends.lvs, 3.0, (200, 257)),
    (front_ends.lvs, 10.0, (671, 257)),
    (front_ends.syncnet_mfcc, 0.215, (20, 13)),
    (front_ends.syncnet_mel, 1.0, (101, 40)),
    (front_ends.gdt, 1.0, (99, 40)),
    (lambda: front_ends.gdt(257), 1.0, (99, 257)),
    (front_ends.avid, 2.0, (200, 257)),
    (front_ends.cav_mae_fbank, 10.24, (1024, 128)),
    (front_ends.byol_a, 8.0, (801, 64)),
    (front_ends.autovc, 17 * 256 / 16_000, (18, 80)),
    (front_ends.sound_of_pixels, 65_535 / 11_025, (256, 256)),
    (front_ends.indicated_sounds, 0.5, (45, 42)),
    (front_ends_phase.soundnet, 20.0, (441_000, 1)),
    (front_ends_phase.multisensory, 0.1, (2100, 1)),
    (front_ends_phase.multisensory_separation, 2.135, (128, 1024, 2)),
    (front_ends_phase.looking_to_listen, 3.0, (298, 257, 2)),
    (front_ends_phase.visual_voice, 2.55, (256, 257, 2)),
    (front_ends_phase.vovit, 2.0, (128, 256, 2)),
]


@pytest.fixture
def wave() -> Tensor:
    """Two clips of a second at 16 kHz: a chirp and noise."""
    generator = torch.Generator().manual_seed(0)
    time = torch.arange(16_000) / 16_000
    chirp = 0.5 * torch.sin(2 * math.pi * (200 * time + 1500 * time**2))
    return torch.stack((chirp, 0.1 * torch.randn(16_000, generator=generator)))


@pytest.mark.parametrize(("build", "seconds", "shape"), SHAPES)
def test_papers_have_their_shapes(build: Callable[[], AudioFrontEnd], seconds: float, shape: tuple[int, ...]) -> None:
    front_end = build()
    noise = 0.1 * torch.randn(2, round(seconds * front_end.sample_rate), generator=torch.Generator().manual_seed(0))
    features = front_end(noise)
    assert features.shape == (2, *shape)
    assert features.isfinite().all()
    torch.testing.assert_close(front_end(noise[1:]), features[1:], atol=2e-4, rtol=1e-4)
    assert front_end(torch.zeros_like(noise)).isfinite().all(), "silence"
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(front_end(noise), features), "fp32 under autocast"


@pytest.mark.parametrize("build", [build for build, _, _ in SHAPES[:2]] + [front_ends.syncnet_mel, front_ends.avid])
def test_tiles_of_clips_are_the_whole(build: Callable[[], AudioFrontEnd], monkeypatch: pytest.MonkeyPatch) -> None:
    front_end = build()
    samples = 2 * front_end.sample_rate if front_end.frames == 200 else front_end.sample_rate
    noise = 0.1 * torch.randn(5, samples, generator=torch.Generator().manual_seed(0))
    whole = front_end(noise)
    monkeypatch.setattr(spectrogram, "TILE", 2 * samples)
    torch.testing.assert_close(front_end(noise), whole, atol=1e-4, rtol=1e-5)
    gradients = []
    for tile in (2 * samples, 5 * samples):
        monkeypatch.setattr(spectrogram, "TILE", tile)
        heard = noise.clone().requires_grad_()
        front_end(heard).mul(torch.linspace(-1, 1, whole.shape[1]).unsqueeze(1)).sum().backward()
        assert heard.grad is not None
        gradients.append(heard.grad)
    torch.testing.assert_close(*gradients, atol=1e-3 * float(gradients[0].abs().max()), rtol=1e-3)


def test_a_front_end_compiles_in_one_graph(wave: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spectrogram, "TILE", 1)
    front_end = front_ends.log_mel()
    compiled = torch.compile(front_end, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(wave), front_end(wave), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("bins", [1, 13, 40, 128, 257])
def test_bands_are_the_dense_product(bins: int) -> None:
    generator = torch.Generator().manual_seed(0)
    power = torch.rand(2, 50, 513, generator=generator) ** 4
    for filters in (rounded_triangles(24_000, bins, 1024), Mel(24_000, bins, 1024).bands.filters):
        bands, heard = Bands(filters), power.clone().requires_grad_()
        sums = bands(heard)
        # Positive weights of positive numbers: nothing cancels, so the error stays relative to each sum.
        torch.testing.assert_close(sums.double(), power.double() @ filters.double(), rtol=1e-5, atol=0)
        sums.sum().backward()
        assert heard.grad is not None
        torch.testing.assert_close(heard.grad, filters.sum(1).expand_as(power), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("mode", ["constant", "reflect"])
@pytest.mark.parametrize(("win", "hop", "n_fft"), [(400, 160, 512), (512, 242, 512), (401, 100, 1024)])
def test_stft_is_librosas(wave: Tensor, mode: str, win: int, hop: int, n_fft: int) -> None:
    mine = Stft(win, hop, n_fft, padding=Centered(mode))(wave)
    for row, clip in zip(mine, wave.numpy(), strict=True):
        theirs = librosa.stft(clip, n_fft=n_fft, hop_length=hop, win_length=win, pad_mode=mode)
        np.testing.assert_allclose(row.numpy(), theirs.T, atol=1e-4)


@pytest.mark.parametrize("padding", [Unpadded(), Same()])
@pytest.mark.parametrize(("win", "hop", "n_fft"), [(400, 160, 512), (512, 238, 512)])
def test_padding_puts_windows_where_it_says(padding: Unpadded | Same, win: int, hop: int, n_fft: int) -> None:
    wave = torch.randn(1, 3000, generator=torch.Generator().manual_seed(0))
    mine = Stft(win, hop, n_fft, padding=padding)(wave).abs()[0]
    frames = 1 + (3000 - win) // hop if isinstance(padding, Unpadded) else math.ceil(3000 / hop)
    assert len(mine) == frames
    missing = max((frames - 1) * hop + win - 3000, 0) if isinstance(padding, Same) else 0
    padded = np.pad(wave[0].numpy(), (missing // 2, missing - missing // 2))
    window = scipy.signal.get_window("hann", win)
    for k in range(frames):
        spectrum = np.abs(np.fft.rfft(padded[k * hop : k * hop + win] * window, n_fft))
        np.testing.assert_allclose(mine[k].numpy(), spectrum, atol=1e-4)


@pytest.mark.parametrize(("scale", "norm"), [("slaney", "slaney"), ("htk", None)])
def test_mel_is_librosas(wave: Tensor, scale: str, norm: str | None) -> None:
    mine = AudioFrontEnd(16_000, Stft(400, 160, 512), Power(), Mel(16_000, 64, 512, scale=scale, norm=norm))(wave)
    for row, clip in zip(mine, wave.numpy(), strict=True):
        theirs = librosa.feature.melspectrogram(
            y=clip, sr=16_000, n_fft=512, hop_length=160, win_length=400, n_mels=64, pad_mode="constant", norm=norm,
            htk=scale == "htk",
        )  # fmt: skip
        np.testing.assert_allclose(row.numpy(), theirs.T, rtol=2e-4, atol=1e-6)


def test_mfcc_is_librosas(wave: Tensor) -> None:
    steps = (Power(), Mel(16_000, 40, 512), Decibel(span=80.0), Cepstrum(13, 40))
    mine = AudioFrontEnd(16_000, Stft(512, 160), *steps)(wave)
    for row, clip in zip(mine, wave.numpy(), strict=True):
        theirs = librosa.feature.mfcc(
            y=clip, sr=16_000, n_mfcc=13, n_fft=512, hop_length=160, n_mels=40, pad_mode="constant"
        )
        np.testing.assert_allclose(row.numpy(), theirs.T, atol=2e-2)


def test_l3_is_the_papers(wave: Tensor) -> None:
    clip = torch.cat((wave, wave, wave), dim=1)
    # 199 windows with "same" padding: 214 zeros shared by both ends, as 198 x 242 + 512 = 48,428.
    padded = np.pad(clip[1].numpy(), (214, 214))
    theirs = librosa.stft(padded, n_fft=512, hop_length=242, center=False)
    expected = np.log(np.maximum(np.abs(theirs.T), 1e-12)) / 5
    np.testing.assert_allclose(front_ends.l3()(clip)[1].numpy(), expected, atol=1e-3)


def test_ave_is_scipys(wave: Tensor) -> None:
    clip = torch.cat((wave, wave, wave), dim=1)
    for row, samples in zip(front_ends.ave()(clip), clip.numpy(), strict=True):
        _, _, density = scipy.signal.spectrogram(samples, 48_000, nperseg=512, noverlap=274)
        np.testing.assert_allclose(row.numpy(), np.log(density.T + 1e-7) / 12, atol=1e-4)


def test_avid_is_librosas() -> None:
    clip = 0.1 * torch.randn(1, 48_000, generator=torch.Generator().manual_seed(0))
    power = np.abs(librosa.stft(clip[0].numpy(), n_fft=1024, hop_length=240)) ** 2
    pairs = np.concatenate([power[:1], power[1:].reshape(256, 2, -1).mean(1)])[:, :200]
    level = librosa.power_to_db(pairs, top_db=100).T
    expected = (level - level.mean(0)) / level.std(0)
    np.testing.assert_allclose(front_ends.avid()(clip)[0].numpy(), expected, atol=2e-2)


def test_cav_mae_is_kaldis(wave: Tensor) -> None:
    mine = front_ends.cav_mae_fbank()(wave)
    for row, clip in zip(mine, wave, strict=True):
        theirs = kaldi.fbank(
            (clip - clip.mean()).unsqueeze(0), htk_compat=True, sample_frequency=16_000, use_energy=False,
            window_type="hanning", num_mel_bins=128, dither=0.0, frame_shift=10,
        )  # fmt: skip
        torch.testing.assert_close(row[: len(theirs)], (theirs + 5.081) / 4.4849, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(row[len(theirs) :], torch.full((1024 - len(theirs), 128), 5.081 / 4.4849))


def test_speech_features_are_the_slow_loop(wave: Tensor) -> None:
    win, hop, n_fft, bins = 480, 240, 1024, 40
    samples = wave[0].double().numpy() * 32768
    samples = np.append(samples[0], samples[1:] - 0.97 * samples[:-1])
    mel = np.linspace(0, 2595 * np.log10(1 + 12_000 / 700), bins + 2)
    corners = np.floor((n_fft + 1) * 700 * (10 ** (mel / 2595) - 1) / 24_000)
    frames = 1 + math.ceil((len(samples) - win) / hop)
    expected = np.zeros((frames, bins))
    for t in range(frames):
        window = samples[t * hop : t * hop + win]
        power = np.abs(np.fft.rfft(window, n_fft)) ** 2 / n_fft
        for b in range(bins):
            low, middle, high = corners[b : b + 3]
            for k in range(int(low), int(middle)):
                expected[t, b] += power[k] * (k - low) / (middle - low)
            for k in range(int(middle), int(high)):
                expected[t, b] += power[k] * (high - k) / (high - middle)
    mine = LogTriangles(24_000, bins, n_fft)(SpeechPower(win, hop, n_fft)(wave[:1]))[0]
    np.testing.assert_allclose(mine.numpy(), np.log(expected), atol=2e-3)


def test_cepstra_are_liftered_cosines_of_log_energies(wave: Tensor) -> None:
    power = SpeechPower(400, 160, 512)(wave[1:])[0].double()
    energies = np.log((power @ rounded_triangles(16_000, 26, 512).double()).numpy())
    orders = np.arange(13)
    cosines = np.cos(np.pi * orders[:, None] * (2 * np.arange(26) + 1) / 52) * np.sqrt(2 / 26)
    expected = energies @ cosines.T * (1 + 11 * np.sin(np.pi * orders / 22))
    expected[:, 0] = np.log(power.sum(1).numpy())
    np.testing.assert_allclose(front_ends.syncnet_mfcc()(wave[1:])[0].numpy(), expected, atol=2e-3)


def test_complex_spectra_go_back(wave: Tensor) -> None:
    spectrum = AudioFrontEnd(16_000, Stft(400, 160, 512), RealImaginary())(wave)
    bins = torch.view_as_complex(spectrum.contiguous()).transpose(1, 2)
    again = torch.istft(bins, 512, 160, 400, window=torch.hann_window(400), length=16_000)
    torch.testing.assert_close(again, wave, atol=1e-5, rtol=1e-4)


def test_root_keeps_the_phase() -> None:
    spectrum = torch.tensor([[[3 + 4j, -2j, 0j]]])
    compressed = Root(0.3)(spectrum)
    torch.testing.assert_close(compressed.abs(), spectrum.abs() ** 0.3)
    torch.testing.assert_close(compressed.angle()[..., :2], spectrum.angle()[..., :2])


def test_compressions_have_their_closed_forms() -> None:
    x = torch.tensor([[[0.0, 1.0], [1e-3, 10.0]]])
    torch.testing.assert_close(Log(1e-2)(x), torch.tensor([[[1e-2, 1.0], [1e-2, 10.0]]]).log())
    torch.testing.assert_close(LogOffset(1)(x), x.log1p())
    torch.testing.assert_close(Decibel(span=20.0)(x), torch.tensor([[[-10.0, 0.0], [-10.0, 10.0]]]))
    torch.testing.assert_close(MuLaw()(torch.tensor([-1.0, 0.0, 1.0])), torch.tensor([-1.0, 0.0, 1.0]))
    torch.testing.assert_close(MuLaw()(torch.tensor(0.5)), torch.tensor(math.log1p(127.5) / math.log(256)))
    torch.testing.assert_close(Standardize([0.0, 1.0], [1.0, 3.0])(x)[0, 1], torch.tensor([1e-3, 3.0]))
    assert Fit(3, value=-1.0)(x)[0, 2].tolist() == [-1.0, -1.0]
    assert Fit(1)(x).shape == (1, 1, 2)
    torch.testing.assert_close(AverageNeighbors()(torch.arange(5.0).view(1, 1, 5)), torch.tensor([[[0, 1.5, 3.5]]]))
    torch.testing.assert_close(UnitPower(0.2)(torch.ones(1, 4)), torch.full((1, 4), 0.2))


def test_each_bin_of_a_clip_is_standardized() -> None:
    x = 3 + 2 * torch.randn(2, 50, 4, generator=torch.Generator().manual_seed(0))
    y = StandardizeClip()(x)
    torch.testing.assert_close(y.mean(1), torch.zeros(2, 4), atol=1e-5, rtol=0)
    torch.testing.assert_close(y.std(1, correction=0), torch.ones(2, 4), atol=1e-3, rtol=0)


def test_log_frequency_keeps_both_ends_and_lines() -> None:
    line = torch.arange(512.0).view(1, 1, -1)
    warped = LogFrequency(256)(line)[0, 0]
    torch.testing.assert_close(warped, 512 ** torch.linspace(0, 1, 256) - 1, atol=1e-3, rtol=1e-4)


def test_cochleagram_hears_a_tone_in_its_band() -> None:
    bank = Cochleagram(24_000, bands=20)
    centers = torch.linspace(20, 10_000, 2000)
    best = bank.filters(centers).argmax(0)
    time = torch.arange(24_000) / 24_000
    for hertz in (300.0, 1000.0, 4000.0):
        envelopes = bank(0.5 * torch.sin(2 * math.pi * hertz * time).unsqueeze(0))[0]
        assert envelopes.shape == (90, 20)
        band = int(envelopes.mean(0).argmax())
        assert band == int(best[(centers - hertz).abs().argmin()])
    # Between the first and the last center the squares of the gains sum to one, so energy is kept.
    inner = bank.filters(torch.linspace(100, 8000, 500)).square().sum(0)
    torch.testing.assert_close(inner, torch.ones(500), atol=1e-4, rtol=0)


def test_wrong_length_is_said() -> None:
    with pytest.raises(UsageError, match=r"expects 199.*seconds"):
        front_ends.l3()(torch.zeros(1, 96_000))
    with pytest.raises(UsageError, match="shorter than one window"):
        front_ends.lvs()(torch.zeros(1, 100))
    with pytest.raises(UsageError, match="shorter than one window"):
        AudioFrontEnd(16_000, Stft(400, 160, padding=Unpadded()), Magnitude())(torch.zeros(1, 100))
    with pytest.raises(ValueError, match="mono"):
        front_ends.log_mel()(torch.zeros(1, 2, 16_000))


def test_loudness_moves_the_log_only(wave: Tensor) -> None:
    front_end = AudioFrontEnd(16_000, Stft(400, 160, 512), Power(), Mel(16_000, 32, 512), Log(1e-20))
    torch.testing.assert_close(front_end(2 * wave) - front_end(wave), torch.full((2, 101, 32), math.log(4)))
