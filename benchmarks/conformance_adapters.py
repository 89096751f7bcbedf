"""How each library is asked for a shared equation: one small function each, all of them ours.

An adapter takes a case's inputs as tensors and its settings, and returns the value as a tensor.
Where a library wants rows of unit length it gets `unit` of them, in the type measured. A library
is imported when its adapter is called, so that each needs nothing but itself.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize as unit

Adapter = Callable[..., Tensor]
# Package, as pip names it: equation: the library's name for it: adapter.
ADAPTERS: dict[str, dict[str, dict[str, Adapter]]] = {}


class UnfitError(Exception):
    """The library has no call for this case."""


def adapts(library: str, equation: str, call: str) -> Callable[[Adapter], Adapter]:
    """Registers the decorated function."""

    def register(adapter: Adapter) -> Adapter:
        ADAPTERS.setdefault(library, {}).setdefault(equation, {})[call] = adapter
        return adapter

    return register


def _bare(package: str) -> None:
    """Makes modules of ``package`` importable without its own `__init__`, which needs far more."""
    if package not in sys.modules:
        found = importlib.util.find_spec(package)
        if found is None or found.submodule_search_locations is None:
            raise ModuleNotFoundError(package)
        sys.modules[package] = module = ModuleType(package)
        module.__path__ = list(found.submodule_search_locations)


class _Weights(nn.Module):
    """A network of one parameter."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight.clone())


def _steps(weight: Tensor, gradients: Tensor, make: Callable[[list[nn.Parameter]], Any]) -> Tensor:
    """Returns by how much an optimizer moves ``weight``, given these gradients."""
    parameter = nn.Parameter(weight.clone())
    optimizer = make([parameter])
    for gradient in gradients:
        parameter.grad = gradient.clone()
        optimizer.step()
    return parameter.detach() - weight


def _followed(
    average: Tensor, online: Tensor, update: Callable[[_Weights, _Weights], Any]
) -> Tensor:
    """Returns by how much ``update(network, its average)`` moves the average."""
    follower = _Weights(average).requires_grad_(False)
    for weights in online:
        update(_Weights(weights), follower)
    return follower.weight.detach() - average


def _in_order(rows: Tensor) -> Tensor:
    return torch.stack(sorted(rows, key=lambda row: row.tolist()))


# Likewise.


@adapts("likewise", "nt-xent", "nt_xent")
def _(z1: Tensor, z2: Tensor, temperature: float) -> Tensor:
    from common.losses.infonce import nt_xent

    return nt_xent(z1, z2, temperature)


@adapts("likewise", "supcon", "supcon")
def _(z: Tensor, labels: Tensor, temperature: float) -> Tensor:
    from common.losses.supcon import supcon

    return supcon(unit(z)[None], labels, temperature)


@adapts("likewise", "swav", "swapped_prediction")
def _(scores: Tensor, temperature: float, epsilon: float, iterations: int, crops: int) -> Tensor:
    from papers.swav.loss import assign, swapped_prediction

    codes = torch.stack([assign(crop, epsilon, iterations) for crop in scores[:crops]])
    return swapped_prediction(scores, codes, range(crops), temperature)


@adapts("likewise", "sinkhorn", "sinkhorn")
def _(scores: Tensor, epsilon: float, iterations: int) -> Tensor:
    from common.losses.sinkhorn import sinkhorn

    return sinkhorn(scores, epsilon, iterations)


@adapts("likewise", "barlow", "barlow_twins")
def _(z1: Tensor, z2: Tensor, weight: float) -> Tensor:
    from common.losses.barlow import barlow_twins

    return barlow_twins(z1, z2, weight)


@adapts("likewise", "cosine", "negative_cosine")
def _(p: Tensor, z: Tensor) -> Tensor:
    from common.losses.consistency import negative_cosine

    return negative_cosine(p, z)


@adapts("likewise", "moco", "queue_info_nce")
def _(q: Tensor, k: Tensor, queue: Tensor, temperature: float) -> Tensor:
    from common.losses.infonce import queue_info_nce

    return queue_info_nce(q, k, unit(queue), temperature)


@adapts("likewise", "queue", "enqueue")
def _(keys: Tensor, length: int) -> Tensor:
    from common.methods.moco import enqueue

    queue, start = keys.new_zeros(length, keys.shape[-1]), torch.zeros((), dtype=torch.long)
    for batch in keys:
        enqueue(queue, start, batch)
    return _in_order(queue)


def _ours_by_layer(name: str) -> Adapter:
    def adapter(weight: Tensor, gradients: Tensor, decay: float, trust: float, **sgd: float):
        import common.optim.lars

        kind = getattr(common.optim.lars, name)
        settings = sgd | {"weight_decay": decay, "trust_coefficient": trust}
        return _steps(weight, gradients, lambda parameters: kind(parameters, **settings))

    return adapter


adapts("likewise", "lars", "LARC")(_ours_by_layer("LARC"))
adapts("likewise", "lars", "LARS")(_ours_by_layer("LARS"))


@adapts("likewise", "ema", "update_momentum")
def _(average: Tensor, online: Tensor, momentum: float) -> Tensor:
    from common.optim.ema import update_momentum

    return _followed(average, online, lambda net, mean: update_momentum(mean, net, momentum))


@adapts("likewise", "knn", "predict_knn")
def _(train_x: Tensor, train_y: Tensor, test_x: Tensor, k: int, temperature: float) -> Tensor:
    from common.evaluation.knn import predict_knn
    from common.evaluation.vectors import FeatureSet

    features = FeatureSet(train_x, train_y, test_x, torch.zeros(len(test_x), dtype=torch.long))
    return predict_knn(features, k, temperature)


@adapts("likewise", "ndcg", "ranking_metrics")
def _(scores: Tensor, relevant: Tensor, k: int) -> Tensor:
    from common.evaluation.ranking import rank_scores, ranking_metrics

    if (relevant.sum(1) != 1).any():
        raise UnfitError("one relevant item a row")
    padded = torch.cat([scores[:, :1], scores], 1)
    ranks = rank_scores(padded, relevant.argmax(1) + 1)
    return torch.tensor(ranking_metrics(ranks, [k])[f"ndcg@{k}"], dtype=torch.float64)


@adapts("likewise", "clip", "clip_loss")
def _(u: Tensor, v: Tensor, scale: float) -> Tensor:
    from common.losses.clip import clip_loss

    return clip_loss(u, v, torch.tensor(scale, dtype=torch.float64).log()).total


@adapts("likewise", "uniformity", "uniformity")
def _(x: Tensor, t: float) -> Tensor:
    from common.losses.spread import uniformity

    return uniformity(x, t)


# lightly.


@adapts("lightly", "nt-xent", "NTXentLoss")
def _(z1: Tensor, z2: Tensor, temperature: float) -> Tensor:
    from lightly.loss import NTXentLoss

    return NTXentLoss(temperature)(z1, z2)


@adapts("lightly", "swav", "SwaVLoss")
def _(scores: Tensor, temperature: float, epsilon: float, iterations: int, crops: int) -> Tensor:
    from lightly.loss import SwaVLoss

    return SwaVLoss(temperature, iterations, epsilon)([*scores[:crops]], [*scores[crops:]])[0]


@adapts("lightly", "sinkhorn", "swav_loss.sinkhorn")
def _(scores: Tensor, epsilon: float, iterations: int) -> Tensor:
    from lightly.loss.swav_loss import sinkhorn

    return sinkhorn(scores, iterations, epsilon)


@adapts("lightly", "barlow", "BarlowTwinsLoss")
def _(z1: Tensor, z2: Tensor, weight: float) -> Tensor:
    from lightly.loss import BarlowTwinsLoss

    return BarlowTwinsLoss(weight)(z1, z2)


@adapts("lightly", "cosine", "NegativeCosineSimilarity")
def _(p: Tensor, z: Tensor) -> Tensor:
    from lightly.loss import NegativeCosineSimilarity

    return NegativeCosineSimilarity()(p, z)


@adapts("lightly", "moco", "NTXentLoss with a memory bank")
def _(q: Tensor, k: Tensor, queue: Tensor, temperature: float) -> Tensor:
    from lightly.loss import NTXentLoss

    loss = NTXentLoss(temperature, memory_bank_size=tuple(queue.shape))
    loss.memory_bank.bank = unit(queue)
    return loss(q, k)


@adapts("lightly", "queue", "MemoryBankModule")
def _(keys: Tensor, length: int) -> Tensor:
    from lightly.models.modules.memory_bank import MemoryBankModule

    memory = MemoryBankModule((length, keys.shape[-1])).to(keys.dtype)
    for batch in keys:
        memory(batch, update=True)
    return _in_order(memory.bank)


@adapts("lightly", "lars", "LARS")
def _(weight: Tensor, gradients: Tensor, decay: float, trust: float, **sgd: float) -> Tensor:
    from lightly.utils.lars import LARS

    settings = sgd | {"weight_decay": decay, "trust_coefficient": trust}
    return _steps(weight, gradients, lambda parameters: LARS(parameters, **settings))


@adapts("lightly", "ema", "update_momentum")
def _(average: Tensor, online: Tensor, momentum: float) -> Tensor:
    from lightly.models.utils import update_momentum

    return _followed(average, online, lambda net, mean: update_momentum(net, mean, momentum))


@adapts("lightly", "knn", "knn_predict")
def _(train_x: Tensor, train_y: Tensor, test_x: Tensor, k: int, temperature: float) -> Tensor:
    _bare("lightly")
    _bare("lightly.utils")
    _bare("lightly.utils.benchmarking")
    from lightly.utils.benchmarking.knn import knn_predict

    classes = int(train_y.max()) + 1
    return knn_predict(unit(test_x), unit(train_x).T, train_y, classes, k, temperature)[:, 0]


@adapts("lightly", "uniformity", "HypersphereLoss")
def _(x: Tensor, t: float) -> Tensor:
    from lightly.loss.hypersphere_loss import HypersphereLoss

    # Of rows with themselves: nothing is left to align.
    return HypersphereLoss(t=t)(x, x)


# pytorch-metric-learning.


@adapts("pytorch-metric-learning", "nt-xent", "NTXentLoss")
def _(z1: Tensor, z2: Tensor, temperature: float) -> Tensor:
    from pytorch_metric_learning.losses import NTXentLoss

    return NTXentLoss(temperature)(torch.cat([z1, z2]), torch.arange(len(z1)).repeat(2))


@adapts("pytorch-metric-learning", "supcon", "SupConLoss")
def _(z: Tensor, labels: Tensor, temperature: float) -> Tensor:
    from pytorch_metric_learning.losses import SupConLoss

    return SupConLoss(temperature)(z, labels)


@adapts("pytorch-metric-learning", "moco", "NTXentLoss with reference embeddings")
def _(q: Tensor, k: Tensor, queue: Tensor, temperature: float) -> Tensor:
    from pytorch_metric_learning.losses import NTXentLoss

    rows, own = len(q), torch.arange(len(q))
    negatives = torch.cartesian_prod(own, torch.arange(len(queue)) + rows)
    pairs = (own, own, negatives[:, 0], negatives[:, 1])
    keys = torch.cat([k, queue])
    return NTXentLoss(temperature)(q, own, pairs, keys, torch.arange(len(keys)))


@adapts("pytorch-metric-learning", "queue", "CrossBatchMemory")
def _(keys: Tensor, length: int) -> Tensor:
    from pytorch_metric_learning.losses import CrossBatchMemory, NTXentLoss

    memory = CrossBatchMemory(NTXentLoss(), keys.shape[-1], length)
    for batch in keys:
        memory(batch, torch.arange(len(batch)))
    return _in_order(memory.embedding_memory)


# open_clip and sentence-transformers.


@adapts("open_clip_torch", "clip", "ClipLoss")
def _(u: Tensor, v: Tensor, scale: float) -> Tensor:
    from open_clip.loss import ClipLoss

    return ClipLoss()(unit(u), unit(v), scale)


@adapts("sentence-transformers", "clip", "MultipleNegativesRankingLoss, both directions")
def _(u: Tensor, v: Tensor, scale: float) -> Tensor:
    from sentence_transformers.losses import MultipleNegativesRankingLoss

    directions = ("query_to_doc", "doc_to_query")
    loss = MultipleNegativesRankingLoss(
        None, scale, directions=directions, partition_mode="per_direction"
    )
    return loss.compute_loss_from_embeddings([u, v], None)


@adapts("sentence-transformers", "ndcg", "InformationRetrievalEvaluator")
def _(scores: Tensor, relevant: Tensor, k: int) -> Tensor:
    from sentence_transformers.evaluation import InformationRetrievalEvaluator

    if not relevant.any(1).all():
        raise UnfitError("a query without a relevant document is left out")
    items = {str(item): "" for item in range(scores.shape[1])}
    wanted = {
        str(i): {str(item) for item in row.nonzero()[:, 0].tolist()}
        for i, row in enumerate(relevant)
    }
    queries = dict.fromkeys(wanted, "")
    judge = InformationRetrievalEvaluator(queries, items, wanted, ndcg_at_k=[k])
    hits = [
        [{"corpus_id": str(item), "score": score} for item, score in enumerate(row.tolist())]
        for row in scores
    ]
    return torch.tensor(judge.compute_metrics(hits)["ndcg@k"][k], dtype=torch.float64)


# RecBole, torchmetrics, scikit-learn.


@adapts("recbole", "ndcg", "NDCG")
def _(scores: Tensor, relevant: Tensor, k: int) -> Tensor:
    import numpy as np

    if any(len(row.unique()) < len(row) for row in scores):
        raise UnfitError("items come ranked")
    # RecBole 1.2.1 asks for this alias, which NumPy 1.24 took away.
    vars(np).setdefault("float", float)
    from recbole.evaluator.metrics import NDCG

    top = scores.topk(k).indices
    table = torch.cat([relevant.gather(1, top), relevant.sum(1, keepdim=True)], 1)
    judge = NDCG({"topk": [k], "metric_decimal_place": 12})
    found = judge.calculate_metric({"rec.topk": table})[f"ndcg@{k}"]
    return torch.tensor(float(found), dtype=torch.float64)


@adapts("torchmetrics", "ndcg", "retrieval_normalized_dcg")
def _(scores: Tensor, relevant: Tensor, k: int) -> Tensor:
    from torchmetrics.functional.retrieval import retrieval_normalized_dcg

    pairs = zip(scores, relevant, strict=True)
    return torch.stack([retrieval_normalized_dcg(*pair, top_k=k) for pair in pairs]).mean()


@adapts("scikit-learn", "ndcg", "ndcg_score")
def _(scores: Tensor, relevant: Tensor, k: int) -> Tensor:
    from sklearn.metrics import ndcg_score

    found = ndcg_score(relevant.numpy(), scores.numpy(), k=k)
    return torch.tensor(found, dtype=torch.float64)


@adapts("scikit-learn", "knn", "KNeighborsClassifier")
def _(train_x: Tensor, train_y: Tensor, test_x: Tensor, k: int, temperature: float) -> Tensor:
    import numpy as np
    from sklearn.neighbors import KNeighborsClassifier

    def weights(distances: Any) -> Any:
        return np.exp((distances.min(1, keepdims=True) - distances) / temperature)

    judge = KNeighborsClassifier(k, weights=weights, metric="cosine", algorithm="brute")
    return torch.tensor(judge.fit(train_x.numpy(), train_y.numpy()).predict(test_x.numpy()))


@adapts("faiss-cpu", "knn", "IndexFlatIP, the votes counted by the adapter")
def _(train_x: Tensor, train_y: Tensor, test_x: Tensor, k: int, temperature: float) -> Tensor:
    import faiss

    index = faiss.IndexFlatIP(train_x.shape[1])
    index.add(unit(train_x).numpy())
    cosines, found = (torch.from_numpy(x) for x in index.search(unit(test_x).numpy(), k))
    weights = ((cosines.double() - cosines[:, :1]) / temperature).exp()
    votes = weights.new_zeros(len(test_x), int(train_y.max()) + 1)
    return votes.scatter_add_(1, train_y[found], weights).argmax(1)


# timm and torch.


@adapts("timm", "lars", "Lars")
def _(weight: Tensor, gradients: Tensor, decay: float, trust: float, **sgd: float) -> Tensor:
    from timm.optim import Lars

    settings = sgd | {"weight_decay": decay, "trust_coeff": trust}
    return _steps(weight, gradients, lambda parameters: Lars(parameters, **settings))


@adapts("timm", "ema", "ModelEmaV3, which rounds bfloat16 at random")
def _(average: Tensor, online: Tensor, momentum: float) -> Tensor:
    from timm.utils import ModelEmaV3

    follower = ModelEmaV3(_Weights(average), decay=momentum)
    for weights in online:
        follower.update(_Weights(weights))
    return follower.module.weight.detach() - average


@adapts("torch", "ema", "AveragedModel")
def _(average: Tensor, online: Tensor, momentum: float) -> Tensor:
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    follower = AveragedModel(_Weights(average), multi_avg_fn=get_ema_multi_avg_fn(momentum))
    follower.update_parameters(_Weights(average))  # the first only copies
    for weights in online:
        follower.update_parameters(_Weights(weights))
    return follower.module.weight.detach() - average


@adapts("torch", "cosine", "CosineEmbeddingLoss")
def _(p: Tensor, z: Tensor) -> Tensor:
    return nn.CosineEmbeddingLoss()(p, z, torch.ones(len(p))) - 1


# solo-learn.


def _solo(module: str) -> ModuleType:
    for package in ("solo", "solo.losses", "solo.utils"):
        _bare(package)
    return importlib.import_module(f"solo.{module}")


@adapts("solo-learn", "nt-xent", "simclr_loss_func")
def _(z1: Tensor, z2: Tensor, temperature: float) -> Tensor:
    return _solo("losses.simclr").simclr_loss_func(z1, z2, temperature)


@adapts("solo-learn", "swav", "swav_loss_func and SinkhornKnopp")
def _(scores: Tensor, temperature: float, epsilon: float, iterations: int, crops: int) -> Tensor:
    if len(scores) > crops:
        raise UnfitError("every crop has a code")
    codes = _solo("utils.sinkhorn_knopp").SinkhornKnopp(iterations, epsilon)
    found = [codes(crop.detach()) for crop in scores]
    return _solo("losses.swav").swav_loss_func([*scores], found, temperature)


@adapts("solo-learn", "sinkhorn", "SinkhornKnopp")
def _(scores: Tensor, epsilon: float, iterations: int) -> Tensor:
    return _solo("utils.sinkhorn_knopp").SinkhornKnopp(iterations, epsilon)(scores)


@adapts("solo-learn", "barlow", "barlow_loss_func")
def _(z1: Tensor, z2: Tensor, weight: float) -> Tensor:
    return _solo("losses.barlow").barlow_loss_func(z1, z2, weight, scale_loss=1.0)


@adapts("solo-learn", "cosine", "simsiam_loss_func")
def _(p: Tensor, z: Tensor) -> Tensor:
    return _solo("losses.simsiam").simsiam_loss_func(p, z)


@adapts("solo-learn", "moco", "moco_loss_func")
def _(q: Tensor, k: Tensor, queue: Tensor, temperature: float) -> Tensor:
    return _solo("losses.moco").moco_loss_func(unit(q), unit(k), unit(queue).T, temperature)


@adapts("solo-learn", "lars", "LARSWrapper around SGD")
def _(
    weight: Tensor,
    gradients: Tensor,
    lr: float,
    momentum: float,
    decay: float,
    trust: float,
) -> Tensor:
    kind = _solo("utils.lars").LARSWrapper

    def make(parameters: list[nn.Parameter]) -> Any:
        return kind(torch.optim.SGD(parameters, lr, momentum, weight_decay=decay), eta=trust)

    return _steps(weight, gradients, make)


@adapts("solo-learn", "ema", "MomentumUpdater")
def _(average: Tensor, online: Tensor, momentum: float) -> Tensor:
    return _followed(average, online, _solo("utils.momentum").MomentumUpdater(momentum).update)
