"""InfoNCE between sight, sound and words in a hundred languages, on narrated videos such as HowTo100M.

mmssl train recipes/info_nce_video_text_audio.py --data howto.jsonl --held-out "msrvtt/test-*.tar" --out runs/vta

S3D-G over 16 frames of 3.2 s around a caption (the public training code of MIL-NCE, Miech et al. 2020), multilingual
BERT by name or from a local folder (Devlin et al. 2019), ResNet-18 over log-mel. The other settings are ours; not
measured on HowTo100M yet. A recording without captions still trains the pair of sight and sound.
"""

from mmssl.data.clips import Clips
from mmssl.data.tokens import HubTokenizer
from mmssl.data.window import AroundCaption
from mmssl.encoders.audio_resnet import AudioResNet
from mmssl.encoders.text_hub import TextHub
from mmssl.encoders.video_s3d import VideoS3DG
from mmssl.evaluate.retrieval import Retrieval
from mmssl.modules.augment import AudioAugment, VideoAugment
from mmssl.modules.front_ends import log_mel
from mmssl.objectives.contrastive.info_nce import InfoNCE
from mmssl.run import Optimization, Run


def recipe(
    data: str = "data/howto100m/howto100m.jsonl",
    held_out: str = "",
    text: str = "google-bert/bert-base-multilingual-cased",
    steps: int = 200_000,
    batch_size: int = 256,
    lr: float = 1e-4,
    frames: int = 16,
    pixels: int = 224,
    width: int = 64,
    seed: int = 0,
) -> Run:
    """The experiment.

    Args:
        data: folder, glob, manifest or shards to train on; captions with times are looked for.
        held_out: likewise, to measure retrieval on every 5000 steps; nothing is measured when empty.
        text: encoder of captions with its tokenizer: a name on the hub, or a local folder.
        steps: optimizer steps.
        batch_size: clips a step; each clip's negatives are all the others.
        lr: highest learning rate, low enough for the pretrained words.
        frames: pictures a clip.
        pixels: height and width that the network sees, cut from 8/7 as much.
        width: channels of the first stages of the encoders of sight and sound.
        seed: of weights, order and windows.
    """
    clips = Clips(
        source=data,
        seconds=3.2,
        frames=frames,
        pixels=pixels * 8 // 7,
        words=32,
        tokenizer=HubTokenizer(text),
        # Narration is often seconds early or late.
        window=AroundCaption(jitter=1.0),
    )
    return Run(
        data=clips,
        objective=InfoNCE(
            video=VideoS3DG(width),
            audio=AudioResNet(log_mel(), width),
            text=TextHub(text),
            dim=512,
            augment=VideoAugment(pixels),
            audio_augment=AudioAugment(),
        ),
        steps=steps,
        batch_size=batch_size,
        optimization=Optimization(lr=lr, warmup=steps // 20, precision="auto"),
        evaluations={"held-out": Retrieval(clips=clips.of(held_out))} if held_out else {},
        evaluate_every=5000,
        seed=seed,
    )
