"""Published weights of open_clip's layout in our module: NegCLIP's file, CLIP's, own trainings."""

from pathlib import Path

from common.backbones.published import check_fit, read_state_dict
from common.errors import ConfigError
from common.methods.open_clip import OpenClipTowers
from common.methods.two_tower import PairModule

# What several processes put before each name.
PREFIX = "module."


def load_weights(module: PairModule, path: Path | str) -> str | None:
    """Fills both encoders and the scale.

    Args:
        module: With an architecture of open_clip.
        path: A state dict of that architecture, as open_clip's training saves it.

    Returns:
        None: nothing of the file is left out.

    Raises:
        ConfigError: The module has encoders of another kind.
        DataError: Unreadable, an array missing, or of another shape.
    """
    if not isinstance(module.towers, OpenClipTowers):
        raise ConfigError("method.open_clip: null; name the architecture that the weights are of")
    arrays = {name.removeprefix(PREFIX): array for name, array in read_state_dict(path).items()}
    wanted = module.towers.model.state_dict()
    if "logit_scale" in arrays:  # a number in some versions, and a row of one in others
        arrays["logit_scale"] = arrays["logit_scale"].reshape(wanted["logit_scale"].shape)
    mend = "name the architecture of the file in method.open_clip"
    check_fit(path, arrays, wanted, "method.open_clip", lambda *_: mend)
    module.towers.model.load_state_dict(arrays)
    return None
