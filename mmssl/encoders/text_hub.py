"""Multilingual BERT (Devlin et al. 2019), XLM-R (Conneau et al. 2020) and their kin, by `transformers`."""

from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor
from transformers import AutoConfig, AutoModel

from mmssl.batch import Modality
from mmssl.encoder import Encoder
from mmssl.errors import UsageError
from mmssl.modules.pooling import Pooling, mean_pool
from mmssl.modules.pretrained import existing, from_hub, is_path, wanted
from mmssl.modules.vocabulary import check_ids

# Encoders of text alone. A list of what may be built, as a configuration from a hub names the class that is run.
_BERTS = ("albert", "bert", "camembert", "deberta", "deberta-v2", "distilbert", "electra", "mobilebert", "modernbert")
_KINDS = frozenset((*_BERTS, "mpnet", "roberta", "xlm-roberta"))


class TextHub(Encoder):
    """`[B, L]` token ids of the model's own tokenizer to `[B, L, D]`.

    Weights are read from safetensors only, and no code from the hub is ever run.

    Args:
        name: on the hub, such as "google-bert/bert-base-multilingual-cased" or "FacebookAI/xlm-roberta-base", or a
            local folder with `config.json` and `model.safetensors`.
        pooling: `mean_pool`, or `first_pool` for the [CLS] token.
        revision: commit on the hub; the newest when None.
        pretrained: False takes the configuration alone and random weights.

    Raises:
        UsageError: the folder is missing, the hub cannot be reached, or it is no encoder of text.
    """

    modality: ClassVar[Modality] = "text"

    def __init__(
        self,
        name: str | Path,
        pooling: Pooling = mean_pool,
        revision: str | None = None,
        pretrained: bool = True,
    ) -> None:
        super().__init__()
        self.pooling = pooling
        place = str(existing(name)) if is_path(name) else str(name)
        remote = not is_path(name)
        fixed = {"trust_remote_code": False, "revision": revision}
        config: Any = from_hub(str(name), lambda: AutoConfig.from_pretrained(place, **fixed), remote)
        if config.model_type not in _KINDS:
            kinds = ", ".join(sorted(_KINDS))
            raise UsageError(f"{name}: a {config.model_type} is no text encoder that mmssl knows; take one of {kinds}.")
        self.model: Any = (
            from_hub(str(name), lambda: AutoModel.from_pretrained(place, use_safetensors=True, **fixed), remote)
            if wanted(pretrained)
            else AutoModel.from_config(config)
        )
        self.model.train()
        # The next-sentence head of BERT is not part of the map, and would be a parameter without gradient.
        if getattr(self.model, "pooler", None) is not None:
            self.model.pooler = None
        self.dim = int(config.hidden_size)
        self.padding = int(config.pad_token_id or 0)

    def forward(self, inputs: Tensor) -> Tensor:
        """`[B, L]` to `[B, L, D]`."""
        check_ids(inputs, self.model.config.vocab_size)
        seen = self.mask(inputs)
        ids = inputs.masked_fill(~seen, self.padding)
        # A caption without any token looks at its first padding, since a softmax over nothing is not a number.
        seen = seen.clone()
        seen[:, 0] |= ~seen.any(1)
        tokens: Tensor = self.model(input_ids=ids, attention_mask=seen.long()).last_hidden_state
        return tokens

    def mask(self, inputs: Tensor) -> Tensor:
        """`[B, L]`, true at tokens."""
        return inputs >= 0

    def pool(self, grid: Tensor, mask: Tensor | None = None) -> Tensor:
        """As the `pooling` it was built with."""
        return self.pooling(grid, mask)
