"""MIL-NCE on narrated videos such as HowTo100M: S3D-G, and a bag of the captions nearest in time.

mmssl train recipes/mil_nce.py --data howto.jsonl --words howto100m/words --out runs/mil_nce

Miech et al. 2020, "End-to-End Learning of Visual Representations from Uncurated Instructional Videos". The paper's:
word2vec, which stays as it is, 2048 units, a maximum over words, 512 numbers; Adam at 1e-3 with warm-up and a cosine;
batches of 512 to 8192. As in its public code 16 frames of 3.2 s from a caption on and five captions. Reported there,
not measured here: MSR-VTT R@10 29.5 % without fine-tuning, with a batch of 1024.
"""

from mmssl.data.clips import Clips
from mmssl.data.hashing import HashTokenizer
from mmssl.data.tokens import Tokenizer, WordTokenizer
from mmssl.data.window import AroundCaption
from mmssl.encoders.text_words import TextWords
from mmssl.encoders.video_s3d import VideoS3DG
from mmssl.encoders.video_small import VideoSmall
from mmssl.modules.augment import VideoAugment
from mmssl.modules.word_vectors import read_word_vectors
from mmssl.objectives.contrastive.mil_nce import MILNCE
from mmssl.run import Optimization, Run


def recipe(
    data: str = "data/howto100m/howto100m.jsonl",
    words: str = "",
    captions: int = 5,
    steps: int = 200_000,
    batch_size: int = 1024,
    lr: float = 1e-3,
    frames: int = 16,
    pixels: int = 224,
    width: int = 64,
    seed: int = 0,
) -> Run:
    """The experiment.

    Args:
        data: folder, glob, manifest or shards to train on; captions with times are looked for, in English.
        words: folder with `vocabulary.txt`, one word a line, and `vectors.npy`, a row for unknown words, then one a
            word; words are hashed and their vectors learnt when empty.
        captions: of a bag, those nearest to the clip; 1 is the paper's baseline.
        steps: optimizer steps.
        batch_size: clips a step.
        lr: highest learning rate.
        frames: pictures of a clip, five a second; fewer than 8, which S3D-G makes one, pass a small residual network.
        pixels: height and width that the network sees, cut from 8/7 as much.
        width: channels of the first convolution; all other widths are in proportion.
        seed: of weights, order and windows.
    """
    hidden, dim = 32 * width, 8 * width
    tokenizer: Tokenizer
    if words:
        known = WordTokenizer.load(f"{words}/vocabulary.txt")
        vectors = read_word_vectors(f"{words}/vectors.npy", ("[unknown]", *known.vocabulary))
        tokenizer, text = known, TextWords(known.size, hidden, vectors)
    else:
        tokenizer = HashTokenizer(4096)
        text = TextWords(tokenizer.size, hidden, frozen=False)
    crop = (7 / 8) ** 2
    return Run(
        data=Clips(
            source=data,
            seconds=frames / 5,
            frames=frames,
            pixels=pixels * 8 // 7,
            sample_rate=0,
            captions=captions,
            words=20,
            language="en",
            tokenizer=tokenizer,
            window=AroundCaption(language="en"),
        ),
        objective=MILNCE(
            video=VideoS3DG(width) if frames >= 8 else VideoSmall((width, 2 * width, 3 * width)),
            text=text,
            dim=dim,
            augment=VideoAugment(
                pixels, (crop, crop), (1.0, 1.0), brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0
            ),
        ),
        steps=steps,
        batch_size=batch_size,
        optimization=Optimization(lr=lr, warmup=steps // 20, weight_decay=0.0, precision="auto"),
        seed=seed,
    )
