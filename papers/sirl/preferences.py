"""What reward networks on an embedding learn from few preferences of simulated persons."""

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state

from common.distributed.draws import keyed_generator
from common.evaluation.progress import show_progress
from common.evaluation.scores import keep
from common.methods.heads import mlp
from papers.sirl.config import PreferencesConfig
from papers.sirl.inputs import TrajectoryInputs
from papers.sirl.loss import preference_accuracy, preference_losses
from papers.sirl.person import exact_labels, people, rewards, sample_labels
from papers.sirl.rows import draw_groups

# A stream of its own: far beyond any epoch.
PREFERENCE_STREAM = 2**51


def evaluate_preferences(
    inputs: TrajectoryInputs, settings: PreferencesConfig, seed: int
) -> dict[str, float]:
    """Returns ``tpa_<count>`` in %: the share of test pairs whose order is predicted.

    The mean over the persons of `people`, each with a reward network of its own, that is trained
    on ``count`` sampled preferences between training rows. What has no module is left out where
    the encoder is to be trained too.

    Args:
        inputs: Rows and module.
        settings: `PreferencesConfig`.
        seed: Seed of the networks, of the preferences and of the test pairs.
    """
    if inputs.module is None and not settings.frozen:
        return {}
    assert inputs.features is not None  # `check_inputs`
    weights = people(inputs.features.shape[1])
    true = rewards(inputs.features[:, None], weights).T  # (people, rows)
    pairs = draw_groups(
        inputs.parts["test"], settings.test_pairs, 2, keyed_generator(seed, PREFERENCE_STREAM)
    )
    labels = exact_labels(true[:, pairs[:, 0]], true[:, pairs[:, 1]])
    x = (inputs.standardised() if settings.frozen else inputs.rows).to(torch.get_default_dtype())
    metrics = {}
    for count in settings.counts:
        first, second = _trained_rewards(inputs, settings, true, x, count, seed)(pairs)
        keep(f"preferences {count}", first - second)
        scores = [preference_accuracy(*each)[0] for each in zip(first, second, labels, strict=True)]
        metrics[f"tpa_{count}"] = 100 * sum(scores) / len(scores)
    return metrics


class _Rewards:
    """One network a person, all computed at once.

    Args:
        networks: Networks of one form, which take a row.
        x: What they take, of all rows.
    """

    def __init__(self, networks: list[nn.Module], x: Tensor) -> None:
        self.parameters, _ = stack_module_state(networks)
        self._form, self._x = networks[0], x

    def __call__(self, pairs: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the rewards of both rows of each pair, ``(people, pairs)`` each.

        Args:
            pairs: ``(pairs, 2)`` rows for all, or ``(people, pairs, 2)``.
        """

        def of_one(parameters: dict[str, Tensor], x: Tensor) -> Tensor:
            found: Tensor = functional_call(self._form, parameters, (x,))
            return found[..., 0]

        over = 0 if pairs.ndim == 3 else None
        found = torch.vmap(of_one, in_dims=(0, over))(self.parameters, self._x[pairs])
        return found[..., 0], found[..., 1]


def _trained_rewards(
    inputs: TrajectoryInputs,
    settings: PreferencesConfig,
    true: Tensor,
    x: Tensor,
    count: int,
    seed: int,
) -> _Rewards:
    """Returns networks trained on ``count`` preferences of each person.

    Args:
        inputs: Rows and module.
        settings: `PreferencesConfig`.
        true: Rewards of all rows for each person, ``(people, rows)``.
        x: What the networks take, of all rows.
        count: Preferences.
        seed: The run's.
    """
    generator = keyed_generator(seed, PREFERENCE_STREAM, count)
    number = len(true)
    pairs = draw_groups(inputs.parts["train"], number * count, 2, generator)
    first, second = true.repeat_interleave(count, 0).gather(1, pairs).unbind(1)
    draws = torch.rand(len(pairs), generator=generator, dtype=torch.float64)
    labels = sample_labels(first, second, settings.beta, draws).view(number, count)
    pairs = pairs.view(number, count, 2)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        networks = [_build(inputs, settings, x.shape[1]) for _ in range(number)]
    found = _Rewards(networks, x)
    # Its division by the root of the squares takes each person's scale out: networks that are
    # stacked learn as they would alone.
    optimizer = torch.optim.Adam(found.parameters.values(), lr=settings.lr)
    words = f"preferences, {count} each"
    with show_progress(words, settings.steps) as advance, torch.enable_grad():
        for _ in range(settings.steps):
            drawn = torch.randperm(count, generator=generator)[: settings.batch_size]
            predicted = found(pairs[:, drawn])
            loss = preference_losses(
                *predicted, labels[:, drawn], settings.loss, settings.reward_weight
            )
            optimizer.zero_grad()
            loss.mean(1).sum().backward()
            optimizer.step()
            advance(1, "")
    return found


def _build(inputs: TrajectoryInputs, settings: PreferencesConfig, num_inputs: int) -> nn.Module:
    """Returns a reward network on the embedding, or on a copy of the encoder."""
    hidden, dtype = settings.hidden_dims, torch.get_default_dtype()
    if settings.frozen:
        return mlp([num_inputs, *hidden, 1], batch_norm=False, bias=True).to(dtype)
    assert inputs.module is not None
    encoder = deepcopy(inputs.module.get_submodule("backbone")).requires_grad_(True)
    head = mlp([inputs.embedding.shape[1], *hidden, 1], batch_norm=False, bias=True)
    return nn.Sequential(encoder, head).cpu().to(dtype)
