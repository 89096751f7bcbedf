"""What `papers evaluate WHAT [DATA]` measures: vectors of a file, or an encoder's of data."""

import hashlib
import importlib.util
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from common.backbones.foreign import HEADS
from common.backbones.modes import evaluating
from common.backbones.published import COUNTERS, check_fit, read_state_dict
from common.config.files import file_digest
from common.data.modality import DataSets
from common.errors import DataError, LikewiseError, UsageError, outline
from common.evaluation.vectors import Vectors
from common.paper import get_paper
from common.registry import BACKBONES
from common.runs.environment import LIBRARIES
from common.runs.vector_files import ENDINGS, as_vectors, draw_split, is_vectors_file

# The form in which a library's network is given images, unless it says another.
SIZE, MEAN, STD = 224, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
TEXTS_AT_ONCE = 64
ROUNDING = 0.02  # of vectors, relative, in 16 bits


@dataclass(frozen=True)
class Measurable:
    """Vectors of what is asked about and of what learns nothing, all of the same samples.

    Args:
        what: What was asked about, as it is shown.
        data: The data, as they are shown.
        digest: Of the file of vectors, of a function or of weights, 16 hex digits; of an encoder
            without a file of these it is that of its arrays.
        data_digest: Of the data.
        encoders: Their vectors by name, that which was asked about first.
        form: In which images are given: their size, and the normalisation of a library's network.
        drawn: Whether the tested samples were drawn, by the seed.
    """

    what: str
    data: str
    digest: str
    data_digest: str
    encoders: dict[str, Vectors]
    form: dict[str, Any] = field(default_factory=dict)
    drawn: bool = False


class Embedding(nn.Module):
    """A network behind ``embed``, which takes images in 0..1 and gives vectors.

    Args:
        network: Takes images that are normalised.
        mean: Of each channel.
        std: The same.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, mean: list[float], std: list[float]) -> None:
        super().__init__()
        self.network = network
        self.form = {"mean": mean, "std": std}
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("std", torch.tensor(std)[:, None, None])

    def embed(self, images: Tensor) -> Tensor:
        """Returns ``(batch, dim)``; grey images are repeated."""
        found: Tensor = self.network((_colour(images) - self.mean) / self.std)
        return found.flatten(1)


def _colour(images: Tensor) -> Tensor:
    return images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images


class FunctionEncoder(nn.Module):
    """A function of the user's behind ``embed``; it takes images in 0..1.

    Args:
        name: What the user knows it by.
        function: Takes images ``(batch, 3, height, width)``.
    """

    def __init__(self, name: str, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self.name, self.function, self.asked_twice = name, function, False
        self.register_parameter("nothing", nn.Parameter(torch.empty(0)))  # which has a device

    def embed(self, images: Tensor) -> Tensor:
        """Returns what the function gives, ``(batch, dim)``; grey images are repeated.

        The first batch tells whether vectors depend on which other images are in it.
        """
        images = _colour(images)
        if self.asked_twice:
            return _vectors_of(self.name, self.function, images)
        self.asked_twice, half = True, max(len(images) // 2, 1)
        # As many as before, which some networks need, and copies: a function may write on its own.
        others = images[torch.arange(len(images)) % half]
        found = _vectors_of(self.name, self.function, images)
        again = _vectors_of(self.name, self.function, others)
        off = float((again[:half] - found[:half]).norm() / found[:half].norm())
        if off > ROUNDING:
            warnings.warn(
                f"{self.name}: a vector changes by {100 * off:.0f} % with its batch, or from call "
                "to call; is the network in eval mode?",
                stacklevel=2,
            )
        return found


def what_failed(name: str, error: Exception) -> str:
    """Returns type, text and, in the user's file, line of what ``file.py:name`` raised."""
    file, frames = name.rpartition(":")[0], traceback.extract_tb(error.__traceback__)
    lines = [each.lineno for each in frames if Path(each.filename).name == file]
    where = f" at line {lines[-1]} of {file}" if lines else ""
    said = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}{where}: {said}"


def _vectors_of(name: str, function: Callable[[Any], Any], samples: Any) -> Tensor:
    """Returns the vectors of ``samples`` that a function of the user's gives.

    Raises:
        DataError: It fails, or gives something else.
    """
    rows = len(samples)
    try:
        given = function(samples)
    except LikewiseError:
        raise
    except Exception as error:  # whatever the user's code raises
        raise DataError(f"{name}: {what_failed(name, error)}") from error
    try:
        found = given.detach() if isinstance(given, Tensor) else torch.from_numpy(np.array(given))
    except (TypeError, ValueError):  # nothing, text, or rows of several lengths
        found = torch.empty(0)
    if found.ndim != 2 or len(found) != rows or not found.numel():
        raise DataError(
            f"{name}: returned {outline(given)} for {rows} samples; one vector a sample is needed, "
            f"(batch, dim), here ({rows}, dim)"
        )
    found = found if found.is_floating_point() else found.float()
    if broken := int((~torch.isfinite(found).all(1)).sum()):
        raise DataError(f"{name}: returned NaN or infinity in {broken} of {rows} vectors")
    return found


def find_measurable(
    what: str, data: str | None, seed: int, weights: Path | None = None, skip: bool = False
) -> Measurable:
    """Returns what ``papers evaluate what data`` measures, beside what learns nothing.

    Args:
        what: A file of vectors, ``library:network``, or ``file.py:function``.
        data: Of a file of vectors, the tested ones. Else a folder of images, the name of a set of
            images, or a file of texts.
        seed: Seed of the split, where the data have none, and of the untrained weights.
        weights: A file of them for a network of timm or torchvision, in the place of its own.
        skip: Whether images of a folder that cannot be read are left out.

    Raises:
        UsageError: Neither, or data that are missing.
        DataError: Data or weights that cannot be read, or that do not fit.
        ConfigError: A network that the library does not have.
    """
    if weights is not None and not what.startswith(("timm:", "torchvision:")):
        raise UsageError(
            f"--weights {weights}: for timm:NAME, torchvision:NAME and PAPER/RECIPE, not for {what}"
        )
    if weights is not None and not weights.is_file():
        raise UsageError(f"--weights {weights}: no such file")
    if is_vectors_file(what):
        return _of_file(Path(what).expanduser(), data, seed)
    library, _, name = what.partition(":")
    if library in LIBRARIES and name:
        return _of_network(library, name, _needed(what, data), seed, weights, skip)
    if library.endswith(".py") and name:
        return _of_function(Path(library).expanduser(), name, data, seed, skip)
    raise UsageError(
        f"{what}: neither a run, a file of vectors ({', '.join(ENDINGS)}), a network such as "
        "timm:resnet18, nor a function as file.py:function"
    )


def _needed(what: str, data: str | None) -> str:
    if data is None:
        raise UsageError(
            f"{what}: name data behind it: a folder of images, a set such as scattered-digits, or "
            "a file of texts"
        )
    return data


def _of_file(path: Path, data: str | None, seed: int) -> Measurable:
    tested = None if data is None else Path(data).expanduser()
    vectors = as_vectors(path, tested, None, seed)
    files = [each for each in (path, tested) if each is not None]
    digest = digest_of_parts(file_digest(each) for each in files)
    name = " and ".join(each.name for each in files)
    return Measurable(
        what=path.name,
        data=name,
        digest=digest,
        data_digest=digest_of_known(vectors),
        encoders={path.name: vectors},
        drawn=_is_drawn(vectors),
    )


def _is_drawn(vectors: Vectors) -> bool:
    """Tells whether a file's tested rows were drawn; ``whole`` is what reads no label then."""
    return vectors.train is not None and vectors.whole is not None


def digest_of_parts(parts: Iterable[str | bytes]) -> str:
    """Returns 16 hex digits over all ``parts``."""
    found = hashlib.sha256()
    for part in parts:
        found.update(part if isinstance(part, bytes) else part.encode())
    return found.hexdigest()[:16]


def digest_of_known(vectors: Vectors) -> str:
    """Returns a digest of what is known of the rows, which other encoders' vectors share."""
    parts: list[str | bytes] = []
    for part in (vectors.train, vectors.val, vectors.test, vectors.whole):
        if part is not None:
            known = [each for each in (part.classes, part.numbers) if each is not None]
            parts += [str(len(part.x)), *(each.numpy().tobytes() for each in known)]
    if vectors.pairs is not None:
        parts.append(vectors.pairs.scores.tobytes())
    return digest_of_parts(parts)


def _of_network(
    library: str, name: str, data: str, seed: int, weights: Path | None, skip: bool
) -> Measurable:
    what = f"{library}:{Path(name).name if library == 'hf' else name}"
    if is_vectors_file(data):
        digest, encoders = _text_encoders(library, name, seed)
        return _on_texts(what, data, digest, encoders, seed)
    digest, trained = "", partial(_trained, library, name)
    if weights is not None:
        trained = partial(_with_weights, library, name, weights)
        what, digest = f"{what} {weights.name}", file_digest(weights)[:16]
    networks = {what: trained, "untrained": partial(_network, library, name, False)}
    return _on_images(what, data, digest, networks, seed, skip)


def _trained(library: str, name: str) -> Embedding:
    """Returns `_network` with its weights; raises `DataError` where they cannot be had."""
    try:
        return _network(library, name, True)
    except Exception as error:  # of the libraries that download: their own, and the system's
        tag = library == "open_clip" and not Path(name.partition("/")[2]).is_file()
        # Of open_clip, which may say in so many words that it could not download.
        cause = error.__context__ if isinstance(error, DataError) and tag else error
        if isinstance(error, LikewiseError) and not isinstance(cause, RuntimeError):
            raise
        said = next(iter(str(cause).strip().splitlines()), type(cause).__name__).rstrip(".")
        raise DataError(
            f"{library}:{name}: its weights are not here and could not be downloaded. The library "
            f"said: {said}. It downloads them once."
        ) from None


def _with_weights(library: str, name: str, path: Path) -> Embedding:
    """Returns `_network` with the arrays of a file, whose classifier is left out."""
    found = _network(library, name, False)
    model: Any = found.network.model
    stated = (getattr(model, "pretrained_cfg", None) or {}).get("classifier") or ()
    heads = (*HEADS, *((stated,) if isinstance(stated, str) else stated))
    wanted = model.state_dict()
    kept = {
        key: array
        for key, array in _behind_prefix(path, read_state_dict(path), wanted).items()
        if key in wanted or not key.startswith(tuple(f"{head}." for head in heads))
    }
    check_fit(path, kept, wanted, f"{library}:{name}", lambda *_: "is it another architecture?")
    model.load_state_dict(kept, strict=False)
    return found


def _behind_prefix(
    path: Path, arrays: Mapping[str, Tensor], wanted: Mapping[str, Tensor]
) -> Mapping[str, Tensor]:
    """Returns the arrays behind the prefix where those ``wanted`` are, such as ``module.``.

    What else is in the file, such as a projector, is left out.

    Raises:
        DataError: All are there twice, as of a momentum encoder.
    """
    ends = {name: [dot.end() for dot in re.finditer(r"\.", name)] for name in arrays}
    prefixes = [n[:end] for n, own in ends.items() for end in own if n[end:] in wanted]
    found = {
        prefix: {n.removeprefix(prefix): x for n, x in arrays.items() if n.startswith(prefix)}
        for prefix in dict.fromkeys(["", *prefixes])
    }
    needed = {name: x.shape for name, x in wanted.items() if not name.endswith(COUNTERS)}
    whole = [
        prefix
        for prefix, own in found.items()
        if all(name in own and own[name].shape == shape for name, shape in needed.items())
    ]
    if len(whole) > 1:
        names = " and ".join(prefix + next(iter(needed)) for prefix in whole)
        raise DataError(f"{path}: has the network twice, with {names}; save one of them alone")
    return found[max(whole or found, key=lambda prefix: len(found[prefix].keys() & wanted))]


def _network(library: str, name: str, pretrained: bool) -> Embedding:
    """Returns the library's network with or without its weights."""
    if library == "open_clip":
        from common.methods.open_clip import create

        architecture, _, weights = name.partition("/")
        model = create(architecture, (weights or None) if pretrained else None)
        if pretrained and not weights:
            raise UsageError(
                f"open_clip:{name}: name the weights, as open_clip:ViT-B-32/laion2b_e16"
            )
        model.forward = model.encode_image
        stated = getattr(model.visual, "image_mean", None), getattr(model.visual, "image_std", None)
        return Embedding(model, [*(stated[0] or MEAN)], [*(stated[1] or STD)])
    options = {"channels": 3, "width": 1, "stem": "imagenet"}
    network = BACKBONES.get(f"{library}:{name}")(pretrained=pretrained, **options)
    stated_by_timm = getattr(network.model, "pretrained_cfg", None) or {}
    mean, std = stated_by_timm.get("mean", MEAN), stated_by_timm.get("std", STD)
    return Embedding(network, [*mean], [*std])


class _AsRead(SourceFileLoader):
    """Executes a file as it was when it was made, whatever is written to it since."""

    def __init__(self, name: str, path: Path) -> None:
        super().__init__(name, str(path))
        self.source = path.read_bytes()

    def get_code(self, fullname: str) -> CodeType:
        """Returns the code of what was read."""
        return self.source_to_code(self.source, self.path)


def load_own(
    path: Path, name: str, classes: tuple[type, ...] = ()
) -> tuple[Callable[[], Any], str]:
    """Reads the user's own file: it was typed on the command line, and nothing else names it.

    Args:
        path: The file.
        name: Of a function in it, an object that can be called, or a class of ``classes``.
        classes: Those that may be named.

    Returns:
        What runs the file as it was read and returns what ``name`` is there then, with nothing that
        calls have left; and 16 hex digits of the file.

    Raises:
        UsageError: No such file. The first raises it for a file that fails, or that has nothing of
            this name that can be called.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    # Dataclasses look their module up. By the stem alone it might hide another one.
    own = f"own_file_{path.stem}"
    loader = _AsRead(own, path)
    spec = importlib.util.spec_from_file_location(own, path, loader=loader)
    assert spec is not None  # as a loader is given

    def load() -> Any:
        module = sys.modules[own] = importlib.util.module_from_spec(spec)
        try:
            loader.exec_module(module)
        except Exception as error:  # whatever the user's code raises
            raise UsageError(f"{path}: {type(error).__name__}: {error}") from error
        function = getattr(module, name, None)
        if not callable(function):
            raise UsageError(f"{path}: has no function {name}")
        if isinstance(function, type) and not issubclass(function, classes):
            one = name.lower()
            raise UsageError(
                f"{path}: {name} is a class; name an instance, such as {one} = {name}()"
            )
        return function

    return load, digest_of_parts([loader.source])


def _of_function(path: Path, name: str, data: str | None, seed: int, skip: bool) -> Measurable:
    load, digest = load_own(path, name)
    function = load()
    what = f"{path.name}:{name}"
    if data is not None and is_vectors_file(data):

        def encode(samples: NDArray[Any]) -> Tensor:
            given = samples.tolist() if samples.dtype.kind in "US" else torch.from_numpy(samples)
            return _vectors_of(what, function, given).cpu()

        return _on_texts(what, data, digest, {what: encode}, seed)
    networks = {what: partial(FunctionEncoder, what, function)}
    return _on_images(what, _needed(what, data), digest, networks, seed, skip)


def _on_images(
    what: str,
    data: str,
    digest: str,
    networks: Mapping[str, Callable[[], nn.Module]],
    seed: int,
    skip: bool,
) -> Measurable:
    from common.data.images.config import ImageConfig
    from common.data.images.module import ImageData
    from common.data.images.readers.layout import find_parts

    folder = Path(data).expanduser()
    if folder.is_dir():
        place: dict[str, Any] = {"name": "image-folder", "path": str(folder), "test_share": 0.25}
    elif data in DataSets("images").names():
        place = {"name": data}
    else:
        raise UsageError(f"{data}: no folder of images, and no set of images that is known")
    form: dict[str, Any] = {"test_resize": round(SIZE * 8 / 7), "test_crop": SIZE}
    images = ImageData(ImageConfig(**place, holdout=0.0, skip_unreadable=skip, **form), seed)
    images.load()
    if (number := sum(map(len, images.set.values()))) < 2:
        raise DataError(f"{data}: {number} image; two and more are needed")
    left_out = images.describe().partition("; views")[0].partition("; left out ")[2]
    if left_out:
        warnings.warn(f"{data}: left out {left_out}", stacklevel=2)
    for said in images.warnings:
        warnings.warn(f"{data}: {said}", stacklevel=2)
    if drawn := folder.is_dir() and len(find_parts(folder)) == 1:
        _draw_tested(images, seed)
    encoders = {}
    for name, build in networks.items():
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            network = build()
        if isinstance(network, Embedding):
            digest = digest or _digest_of_arrays(network)
            form |= network.form
        encoders[name] = images.evaluation_inputs(network, "test").vectors
    # The pixels as stored, which to enlarge would only repeat.
    images.config = replace(images.config, test_resize=None, test_crop=None)
    encoders["raw"] = images.references("test")["raw"].vectors
    shown = folder.name if folder.is_dir() else data
    return Measurable(what, shown, digest, images.fingerprint, encoders, form, drawn)


def _draw_tested(images: Any, seed: int) -> None:
    """Draws anew which images of a folder without splits are tested."""
    from common.data.images.lazy import fingerprint_files

    whole = images.set["train"].joined(images.set["test"])
    drawn = draw_split(whole.labels.numpy(), seed)
    images.set = {n: whole.rows(torch.from_numpy(drawn == n)) for n in ("train", "test")}
    images.fingerprint = fingerprint_files(images.set)


def _digest_of_arrays(module: nn.Module) -> str:
    """Returns a digest of all arrays with their names."""
    return digest_of_parts(
        part
        for name, array in module.state_dict().items()
        for part in (name, array.cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    )


def _text_encoders(library: str, name: str, seed: int) -> tuple[str, dict[str, Any]]:
    """Returns a digest, and what encodes texts, with and without the folder's weights."""
    if library != "hf":
        raise UsageError(
            f"{library}:{name}: takes a folder of images, or the name of a set of them"
        )
    from common.backbones.text_encoder import pool, read_encoder
    from common.data.text.tokenizer import read_tokenizer

    folder = Path(name).expanduser()
    tokenizer, encoder = read_tokenizer(folder), read_encoder(folder)
    untrained = read_encoder(folder)
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in untrained.named_parameters():
        if parameter.ndim > 1:
            parameter.data.normal_(0, 0.02, generator=generator)
        else:  # the weight of a norm, or a bias
            parameter.data.fill_(float(name.endswith("weight")))

    @torch.no_grad()
    def encode(network: nn.Module, texts: NDArray[Any]) -> Tensor:
        store, found, order = tokenizer.encode([str(text) for text in texts]), [], []
        with evaluating(network):
            for rows, ids, mask in store.chunks(TEXTS_AT_ONCE, network.num_positions):  # type: ignore[arg-type]
                found.append(pool("avg", network(ids, mask), mask))
                order.append(rows)
        return torch.cat(found)[np.argsort(np.concatenate(order))]

    what = f"hf:{folder.name}"
    encoders = {what: partial(encode, encoder), "untrained": partial(encode, untrained)}
    return _digest_of_arrays(encoder), encoders


def _on_texts(what: str, data: str, digest: str, encoders: dict[str, Any], seed: int) -> Measurable:
    path = Path(data).expanduser()
    found = {name: as_vectors(path, None, encode, seed) for name, encode in encoders.items()}
    found["raw"] = as_vectors(path, None, _counted_words, seed)
    known = digest_of_parts([file_digest(path), digest_of_known(found["raw"])])
    return Measurable(what, path.name, digest, known, found, drawn=_is_drawn(found["raw"]))


def _embed_texts(experiment: Any, module: nn.Module, texts: NDArray[Any]) -> Tensor:
    from common.evaluation.text_inputs import embed_store

    experiment.data.load()
    store = experiment.data.tokenizer.encode([str(text) for text in texts])
    return embed_store(module, store).float()


def _counted_words(texts: NDArray[Any]) -> Tensor:
    """Returns how often each word occurs, its place a digest of it, ``(texts, 2048)``."""
    if texts.dtype.kind not in "US":
        return torch.from_numpy(texts.reshape(len(texts), -1).astype(np.float32))
    found = torch.zeros(len(texts), 2048)
    for row, text in enumerate(texts):
        for word in str(text).lower().split():
            found[row, int(hashlib.sha256(word.encode()).hexdigest(), 16) % 2048] += 1
    return found


def of_run(run: Path, data: str, seed: int, reading: Mapping[str, Any]) -> Measurable:
    """Returns a run's encoder on the user's data, which `papers embed` reads in the same form.

    ``reading`` are settings of ``data`` in place of the run's, as `read_otherwise` takes them.

    Raises:
        UsageError: Settings that are not for data of the run's kind.
        DataError: Data that cannot be read, or that tell no labels where a protocol needs them.
    """
    from common.config.schema import with_protocols
    from common.runs.devices import evaluation_device
    from common.runs.folder import open_run
    from common.runs.loading import load_run, read_otherwise
    from common.runs.vector_files import from_arrays
    from common.training.fit import build_module

    opened, path = open_run(run), Path(data).expanduser()
    if not path.exists():
        raise DataError(f"{data}: no such file or folder")
    recipe = opened.read_recipe()
    learnt = getattr(recipe.data, "path", None)
    if learnt and Path(learnt).expanduser().resolve() == path.resolve():
        warnings.warn(
            f"{data}: {opened.path.name} was trained on these data, also on rows that are tested "
            f"now, which flatters a training with labels. papers evaluate {run} measures the rows "
            "that the run kept apart",
            stacklevel=2,
        )
    experiment = load_run(opened, with_protocols(recipe, []))
    read_otherwise(experiment, reading, path)
    experiment.module.to(evaluation_device(experiment.recipe))
    fresh = build_module(experiment.recipe, experiment.data).to(experiment.module.device)
    modules = {opened.path.name: experiment.module, "untrained": fresh}
    of_texts = get_paper(experiment.recipe.paper).data_kind == "text"
    if of_texts and is_vectors_file(path.name):  # texts with labels, or pairs with scores
        encoders = {name: partial(_embed_texts, experiment, each) for name, each in modules.items()}
        digest = _digest_of_arrays(experiment.module)
        return _on_texts(opened.path.name, data, digest, encoders, seed)
    found = {}
    for name, module in modules.items():
        arrays = experiment.data.embed_path(module, path)
        vectors = from_arrays(path, arrays, None, seed)
        found[name] = replace(vectors, sentences=of_texts)
    known, digest = (
        digest_of_known(next(iter(found.values()))),
        _digest_of_arrays(experiment.module),
    )
    return Measurable(
        opened.path.name, path.name, digest, known, found, drawn=_is_drawn(found["untrained"])
    )
