"""InfoNCE between sight and sound on VGGSound: R(2+1)D-18 over 16 frames, ResNet-18 over log-mel, clips of 2 s.

mmssl train recipes/info_nce_audio_video.py --data "vggsound/train-*.tar" --held-out "vggsound/test-*.tar" --out runs/av

No paper's exact setting: the encoders are those of GDT and XDC, the loss is symmetric InfoNCE with a learned
temperature that starts at 0.07, the rest is ours. Not measured on VGGSound yet. A clip's activations are about 0.4 GB
in bf16 (derived), so 256 want a GPU of 139 GiB; several GPUs (torchrun) share the batch and still give the loss of
all its clips.
"""

from mmssl.data.clips import Clips
from mmssl.encoders.audio_resnet import AudioResNet
from mmssl.encoders.video_resnet import r2plus1d_18
from mmssl.evaluate.retrieval import Retrieval
from mmssl.modules.augment import AudioAugment, VideoAugment
from mmssl.modules.front_ends import log_mel
from mmssl.objectives.contrastive.info_nce import InfoNCE
from mmssl.run import Optimization, Run


def recipe(
    data: str = "data/vggsound/train-*.tar",
    held_out: str = "",
    steps: int = 100_000,
    batch_size: int = 256,
    lr: float = 1e-3,
    frames: int = 16,
    pixels: int = 112,
    width: int = 64,
    compile: bool = False,
    seed: int = 0,
) -> Run:
    """The experiment.

    Args:
        data: folder, glob, manifest or shards to train on.
        held_out: likewise, to measure retrieval on every 5000 steps; nothing is measured when empty.
        steps: optimizer steps.
        batch_size: clips a step; each clip's negatives are all the others.
        lr: highest learning rate.
        frames: pictures a clip.
        pixels: height and width that the network sees, cut from 8/7 as much.
        width: channels of the encoders' first stage.
        compile: the objective by torch.compile.
        seed: of weights, order and windows.
    """
    clips = Clips(source=data, seconds=2.0, frames=frames, pixels=pixels * 8 // 7, captions=0)
    return Run(
        data=clips,
        objective=InfoNCE(
            video=r2plus1d_18(width),
            audio=AudioResNet(log_mel(), width),
            dim=256,
            hidden=512,
            temperature=0.07,
            augment=VideoAugment(pixels),
            audio_augment=AudioAugment(),
        ),
        steps=steps,
        batch_size=batch_size,
        optimization=Optimization(lr=lr, warmup=steps // 20, precision="auto", compile=compile),
        evaluations={"held-out": Retrieval(clips=clips.of(held_out))} if held_out else {},
        evaluate_every=5000,
        seed=seed,
    )
