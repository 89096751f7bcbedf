"""Generated sessions: topics that drift, with noise clicks that the next item ignores.

The embedded set of sequential recommenders: learnable beyond counting (the next item depends
on a hidden topic), in half a second and without a download.
"""

from dataclasses import dataclass

import numpy as np

from common.data.sequences.config import SequenceConfig
from common.data.sequences.store import Sequences, pack


@dataclass(frozen=True)
class SessionLaw:
    """The process; real items of a user: ``shortest`` + geometric(``stop``) - 1, capped."""

    num_users: int = 1500
    num_clusters: int = 40
    cluster_size: int = 25
    clusters_per_topic: int = 2
    shortest: int = 5
    longest: int = 20
    stop: float = 0.25
    # A step goes to the next cluster of the topic's cycle, to a uniform one of any topic, or
    # (with what is left) to a uniform one of this topic.
    advance: float = 0.10
    drift: float = 0.15
    noise: float = 0.3
    noise_power: float = 0.5


def sessions(config: SequenceConfig) -> Sequences:
    """Generates the set that a recipe's ``data:`` section asks for."""
    return generate_sessions(config.data_seed, SessionLaw(num_users=config.num_users))


def generate_sessions(seed: int, law: SessionLaw | None = None) -> Sequences:
    """Generates the set ``sessions``; a function of ``seed`` and ``law`` alone."""
    law = law or SessionLaw()
    generator = np.random.default_rng(seed)
    num_items = law.num_clusters * law.cluster_size
    clusters = 1 + generator.permutation(num_items).reshape(law.num_clusters, -1)
    walk = _Walk(law, clusters, generator)
    users = [walk.user() for _ in range(law.num_users)]
    places = [f"sessions: user {number}" for number in range(law.num_users)]
    return pack("sessions", users, places, num_items)


class _Walk:
    """Draws users one after another from one generator."""

    def __init__(self, law: SessionLaw, clusters: np.ndarray, generator: np.random.Generator):
        self.law, self.clusters, self.generator = law, clusters, generator
        within = 1.0 / np.arange(1, law.cluster_size + 1)
        weight = np.arange(1, law.num_clusters + 1) ** -law.noise_power
        popular = np.outer(generator.permutation(weight), within).ravel()
        # Cumulative sums: one uniform number and a search are one draw.
        self.within = np.cumsum(within / within.sum())
        self.popular = np.cumsum(popular / popular.sum())

    def user(self) -> list[int]:
        """Returns one user's items, noise included."""
        law = self.law
        length = min(law.shortest + self.generator.geometric(law.stop) - 1, law.longest)
        real: list[int] = []
        session: list[int] = []
        cluster = int(self.generator.integers(law.num_clusters))
        for step in range(length):
            if step > 0:
                cluster = self._next_cluster(cluster)
            # The last two, the held-out targets, are never noise.
            if step < length - 2 and self.generator.random() < law.noise:
                session.append(self._pick(self.popular, self.clusters.ravel()))
            real.append(self._fresh_item(cluster, real))
            session.append(real[-1])
        return session

    def _next_cluster(self, cluster: int) -> int:
        law, size = self.law, self.law.clusters_per_topic
        first = cluster // size * size
        chance = self.generator.random()
        if chance < law.advance:
            return first + (cluster + 1 - first) % size
        if chance < law.advance + law.drift:
            return int(self.generator.integers(law.num_clusters))
        return first + int(self.generator.integers(size))

    def _fresh_item(self, cluster: int, real: list[int]) -> int:
        """Draws an item the user has not had, unless half of the cluster is used."""
        members = self.clusters[cluster]
        used = len(set(members.tolist()) & set(real))
        item = self._pick(self.within, members)
        while item in real and used < self.law.cluster_size / 2:
            item = self._pick(self.within, members)
        return item

    def _pick(self, cumulative: np.ndarray, items: np.ndarray) -> int:
        place = int(np.searchsorted(cumulative, self.generator.random()))
        return int(items[min(place, len(items) - 1)])
