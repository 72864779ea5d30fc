"""Clips a second of every encoder's training step, in each number format and layout, and what it keeps for backward.

python -m benchmarks.encoders --out benchmarks/results/encoders                    under four minutes on a processor
python -m benchmarks.encoders --forms fp32 "fp32 compile" --encoders MC3-18        with a C++ compiler
python -m benchmarks.encoders --device cuda --batch-size 32 --frames 16 --rounds 20

A step is forward and backward of the encoder alone, on one batch that is on the device. On a processor a clip costs
seconds of one core; on a GPU they are those between two CUDA events. The forms of an encoder take turns in each round,
and a ratio is the median of the rounds' ratios to plain float32. "kept MB" is what autograd holds of a clip between
forward and backward. MFU is the share of the data sheet's bfloat16 rate, of the multiplications as they are counted.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from transformers import BertConfig, BertModel

from benchmarks.machine import peak, setting
from benchmarks.tables import Row, markdown, write
from mmssl.encoder import Encoder
from mmssl.encoders.audio_resnet import AudioResNet
from mmssl.encoders.image_timm import image_resnet
from mmssl.encoders.text_hub import TextHub
from mmssl.encoders.video_resnet import mc3_18, r2plus1d_18, r3d_18
from mmssl.encoders.video_s3d import VideoS3DG
from mmssl.encoders.video_vit import VideoViT
from mmssl.training.layout import lay_channels_last
from mmssl.training.processes import find_device, has_bf16
from mmssl.training.recompute import recompute

SECONDS, WORDS = 2, 32  # of sound and of a caption


def bert(folder: Path) -> Encoder:
    """BERT-base with random weights, as a hub's folder."""
    BertModel(BertConfig()).save_pretrained(folder / "bert")
    return TextHub(folder / "bert")


ENCODERS: dict[str, Callable[[Path], Encoder]] = {
    "R(2+1)D-18": lambda _: r2plus1d_18(),
    "R3D-18": lambda _: r3d_18(),
    "MC3-18": lambda _: mc3_18(),
    "S3D-G": lambda _: VideoS3DG(),
    "ViT-S tubelets": lambda _: VideoViT(dim=384, depth=12, heads=6),
    "ResNet-18 frames": lambda _: image_resnet(),
    "audio ResNet-18": lambda _: AudioResNet(),
    "BERT-base": bert,
}


@dataclass(frozen=True)
class Form:
    """One way to compute the same step."""

    half: bool = False
    channels_last: bool = False
    compile: bool = False
    recompute: bool = False

    def apply(self, encoder: Encoder) -> Encoder:
        """To an encoder, in place."""
        if self.channels_last:
            lay_channels_last(encoder)
        if self.recompute:
            recompute(encoder.units())
        if self.compile:
            encoder.compile()
        return encoder


FORMS = {
    "fp32": Form(),
    "fp32 channels_last": Form(channels_last=True),
    "fp32 recompute": Form(recompute=True),
    "bf16": Form(half=True),
    "bf16 channels_last": Form(half=True, channels_last=True),
    "bf16 channels_last recompute": Form(half=True, channels_last=True, recompute=True),
    "fp32 compile": Form(compile=True),
    "bf16 channels_last compile": Form(half=True, channels_last=True, compile=True),
}
QUICK = [name for name, form in FORMS.items() if not form.compile]  # compiling one takes a minute


def inputs(encoder: Encoder, asked: argparse.Namespace) -> Tensor:
    """A batch of what it reads."""
    size, generator = asked.batch_size, torch.Generator().manual_seed(0)
    if encoder.modality == "video":
        shape = (size, asked.frames, 3, asked.pixels, asked.pixels)
        return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
    if encoder.modality == "audio":
        return 0.1 * torch.randn(size, SECONDS * int(encoder.sample_rate), generator=generator)  # type: ignore[arg-type]
    return torch.randint(1, 1000, (size, WORDS), generator=generator)


def loss(encoder: Encoder, form: Form, batch: Tensor) -> Tensor:
    """Something to go backward from."""
    with torch.autocast(batch.device.type, torch.bfloat16, enabled=form.half):
        grid = encoder(batch)
    found: Tensor = grid.float().square().mean()
    return found


def spent(encoder: Encoder, form: Form, batch: Tensor) -> float:
    """Seconds of one step: of this process's cores, or between two events on the GPU."""
    on_gpu = batch.is_cuda
    events = [torch.cuda.Event(enable_timing=True) for _ in range(2)] if on_gpu else []  # type: ignore[no-untyped-call]
    begin = time.process_time()
    for event in events[:1]:
        event.record()
    torch.autograd.backward(loss(encoder, form, batch))
    encoder.zero_grad()
    if not on_gpu:
        return time.process_time() - begin
    events[1].record()
    torch.cuda.synchronize(batch.device)
    return float(events[0].elapsed_time(events[1])) / 1000


def kept(encoder: Encoder, form: Form, batch: Tensor) -> int:
    """Bytes that autograd holds between forward and backward, weights and buffers left out."""
    own = {t.untyped_storage().data_ptr() for t in (*encoder.parameters(), *encoder.buffers())}
    held: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            held[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        end = loss(encoder, form, batch)
    found = sum(held.values())
    torch.autograd.backward(end)  # outside, where what is recomputed is not counted
    encoder.zero_grad()
    return found


def flops(encoder: Encoder, batch: Tensor) -> int:
    """Of one forward and backward pass."""
    with FlopCounterMode(display=False) as counter:
        torch.autograd.backward(loss(encoder, Form(), batch))
    encoder.zero_grad()
    total: int = counter.get_total_flops()
    return total


def measure(name: str, names: list[str], device: torch.device, asked: argparse.Namespace, folder: Path) -> list[Row]:
    """The rows of one encoder."""
    able = {form: FORMS[form] for form in names if has_bf16(device) or not FORMS[form].half}
    batch = inputs(ENCODERS[name](folder), asked).to(device)
    work = flops(ENCODERS[name](folder).to(device).train(), batch) / len(batch)
    seconds: dict[str, list[float]] = {form: [] for form in able}
    encoders = {form: able[form].apply(ENCODERS[name](folder).to(device).train()) for form in able}
    for _ in range(asked.warm):
        for form, encoder in encoders.items():
            spent(encoder, able[form], batch)
    for _ in range(asked.rounds):
        for form, encoder in encoders.items():
            seconds[form].append(spent(encoder, able[form], batch))
    best, rows = peak(device), list[Row]()
    for form in names:
        row: dict[str, str | int | float | None] = {"encoder": name, "form": form}
        if form in able:
            rate = len(batch) / statistics.median(seconds[form])
            ratios = [one / other for one, other in zip(seconds[names[0]], seconds[form], strict=True)]
            mfu = None if best is None or not able[form].half else rate * work / (best * 1e12)
            held = None if able[form].compile else kept(encoders[form], able[form], batch) / len(batch) / 1e6
            row |= {"clips/s": rate, f"of {names[0]}": statistics.median(ratios), "kept MB": held, "MFU": mfu}
        else:
            row |= {"clips/s": None, f"of {names[0]}": None, "kept MB": None, "MFU": None}
        rows.append({**row, "GFLOP a step": work / 1e9})
    return rows


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoders", nargs="*", default=list(ENCODERS), choices=list(ENCODERS), metavar="NAME")
    parser.add_argument("--forms", nargs="*", default=QUICK, choices=list(FORMS), metavar="NAME", help="first: ratio 1")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--pixels", type=int, default=112)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--warm", type=int, default=1, help="steps that do not count, of each form")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="where the table goes, if anywhere")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    device, rows = find_device(asked.device), list[Row]()
    facts = {**setting(device, "timm", "transformers"), "bf16": "yes" if has_bf16(device) else "no arithmetic for it"}
    facts["clip"] = f"{asked.frames} x {asked.pixels}, {SECONDS} s, {WORDS} words; batch {asked.batch_size}"
    for name in asked.encoders:
        with TemporaryDirectory() as folder:
            rows += measure(name, asked.forms, device, asked, Path(folder))
        torch.compiler.reset()
        print(markdown(rows[-len(asked.forms) :]), flush=True)
        if asked.out is not None:
            write(asked.out, facts, rows)


if __name__ == "__main__":
    main()
