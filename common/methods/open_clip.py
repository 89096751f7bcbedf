"""Models of the library open_clip: both encoders and the scale, with weights by tag or file.

A recipe gives only the architecture's name: the library builds it, and downloads what a tag names.
"""

from pathlib import Path
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from common.data.image_text.tokenizers import CLIP_WORDS
from common.errors import ConfigError, DataError, MissingLibrary, suggest
from common.methods.config import QUICK_TAG, TwoTowerConfig

# Where the library's descriptions name another way to make tokens than CLIP's.
TOKENIZERS = ("hf_tokenizer_name", "hf_model_name", "tiktoken_name", "tokenizer_kwargs")


class OpenClipTowers(nn.Module):
    """A model of open_clip behind the names of `TwoTower`; features are the projected vectors.

    Args:
        config: ``open_clip`` names the architecture, ``initial_weights`` a tag or a file.
        context: The most tokens of a text.

    Raises:
        MissingLibrary: open_clip is not installed.
        ConfigError: No such architecture, one for other inputs, or weights that are not for it.
    """

    encodes_apart = ("embed_image", "embed_text")  # as `as_encoder` says

    def __init__(self, config: TwoTowerConfig, context: int) -> None:
        super().__init__()
        self.model = create(str(config.open_clip), config.initial_weights)
        if config.initial_weights == QUICK_TAG and not has_quick_gelu(self.model):
            raise ConfigError(
                f"method.open_clip={config.open_clip}: has no QuickGELU, which the weights "
                f"{QUICK_TAG} need"
            )
        if context > (most := int(self.model.context_length)):
            raise ConfigError(
                f"data.context={context}: {config.open_clip} reads {most} tokens; set it to {most}"
            )
        if config.fixed_scale:
            self.model.logit_scale.requires_grad_(False)

    @property
    def log_scale(self) -> Tensor:
        """The logarithm of the scale, as the weights have it."""
        scale: Tensor = self.model.logit_scale
        return scale

    def embed_image(self, images: Tensor) -> Tensor:
        """Returns vectors in the common space, ``(batch, dim)``."""
        found: Tensor = self.model.encode_image(images)
        return found

    def embed_text(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Returns vectors in the common space, ``(batch, dim)``, of texts padded to the context."""
        missing = int(self.model.context_length) - ids.shape[1]
        found: Tensor = self.model.encode_text(F.pad(ids * mask, (0, missing)))
        return found

    def project_image(self, images: Tensor) -> Tensor:
        """Returns vectors in the common space, ``(batch, dim)``."""
        return self.embed_image(images)

    def project_text(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Returns vectors in the common space, ``(batch, dim)``."""
        return self.embed_text(ids, mask)


def create(architecture: str, weights: str | None) -> Any:
    """Returns open_clip's model; weights are read as plain tensors.

    Raises:
        MissingLibrary: open_clip is not installed.
        ConfigError: No such architecture or tag, or one for other inputs.
        DataError: A file of weights that is not this architecture's.
    """
    try:
        import open_clip
    except ImportError:
        raise MissingLibrary(
            f"method.open_clip={architecture}", "image-text", "open_clip_torch"
        ) from None
    known = open_clip.list_models()
    if architecture not in known:
        raise ConfigError(
            f"method.open_clip={architecture}: no such architecture{suggest(architecture, known)}"
        )
    check_inputs(architecture, open_clip.get_model_config(architecture))
    is_file = weights is not None and Path(weights).is_file()
    if weights is not None and not is_file:
        tags = open_clip.list_pretrained_tags_by_model(architecture)
        if weights not in tags:
            raise ConfigError(
                f"method.initial_weights={weights}: neither a file nor a tag of {architecture}"
                f"{suggest(weights, tags)}"
            )
    try:
        return open_clip.create_model(architecture, pretrained=weights, weights_only=True)
    except RuntimeError as error:
        said = str(error).strip().partition("\n")[0][:60]
        raise DataError(f"{weights}: not the weights of {architecture}: {said}") from None


def check_inputs(architecture: str, config: dict[str, Any]) -> None:
    """Refuses an architecture that reads no images, or other tokens than CLIP's.

    Args:
        architecture: Its name.
        config: As the library describes it.

    Raises:
        ConfigError: It is one of those.
    """
    texts = config["text_cfg"]
    words = texts.get("vocab_size", CLIP_WORDS)
    if other := next((texts[key] for key in TOKENIZERS if texts.get(key)), None):
        reads = f"tokens of {other}"
    elif words != CLIP_WORDS:
        reads = f"a vocabulary of {words:,} tokens"
    elif "vision_cfg" not in config:
        reads = "no images"
    else:
        return
    raise ConfigError(
        f"method.open_clip={architecture}: reads {reads}; take one for images and CLIP's "
        f"{CLIP_WORDS:,} tokens, such as ViT-B-32"
    )


def has_quick_gelu(model: nn.Module) -> bool:
    """Tells whether a layer of ``model`` is the activation of OpenAI's weights."""
    return any(type(layer).__name__ == "QuickGELU" for layer in model.modules())
