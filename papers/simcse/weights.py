"""Published weights of BERT's layout in our module: SimCSE's, MiniLM, our own exports."""

from pathlib import Path

from torch import Tensor

from common.backbones.checkpoint_folder import read_weights
from common.backbones.published import check_fit
from common.backbones.text_encoder import encoder_arrays
from papers.simcse.module import SimCSE


def load_weights(module: SimCSE, path: Path | str) -> str | None:
    """Fills ``module``'s encoder; a head for masked words in the file is left out.

    Args:
        module: With an encoder of the file's sizes.
        path: A ``.safetensors`` file.

    Returns:
        What of the file was left out, to be told, or None.

    Raises:
        DataError: Unreadable, an array missing, or of another shape.
        MissingLibrary: Without the library safetensors.
    """
    arrays = encoder_arrays(read_weights(Path(path)))
    wanted = module.backbone.state_dict()
    kept = {name: array for name, array in arrays.items() if name in wanted}
    check_fit(path, kept, wanted, "method.encoder", _mend)
    module.backbone.load_state_dict(kept)
    left = sorted(arrays.keys() - wanted)
    return f"{', '.join(left)} left out" if left else None


def _mend(name: str, array: Tensor) -> str:
    """Returns the setting that would make the module's array as large as the file's."""
    if name == "embeddings.word_embeddings.weight":
        return "set data.tokenizer to the folder of the file"
    return "set method.encoder.checkpoint to the folder of the file"
