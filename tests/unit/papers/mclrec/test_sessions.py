from common.data.sequences.store import prefix_instances
from papers.mclrec.readers.sessions import SessionLaw, generate_sessions


def test_generated_sessions_are_as_described():
    sequences = generate_sessions(0)
    assert len(sequences.lengths) == 1500 and sequences.num_items == 1000
    assert sequences.lengths.min() >= 5 and sequences.lengths.max() <= 38
    assert 9.2 < sequences.lengths.mean() < 10.0
    assert 9500 < len(prefix_instances(sequences)) < 10500
    assert sequences.items.min() == 1 and sequences.items.max() <= 1000


def test_generated_sessions_are_a_function_of_their_seed():
    law = SessionLaw(num_users=30)
    prints = [generate_sessions(seed, law).fingerprint() for seed in (0, 0, 1)]
    assert prints[0] == prints[1] != prints[2]


def test_without_noise_no_item_repeats_and_topics_last():
    law = SessionLaw(num_users=200, noise=0.0, drift=0.0, advance=0.1)
    sequences = generate_sessions(3, law)
    for first, last in zip(sequences.offsets[:-1], sequences.offsets[1:], strict=True):
        items = sequences.items[first:last].tolist()
        # Repeats are let in once half of a cluster is used, which takes 13 items of it.
        assert len(set(items)) == len(items) or len(items) > 13
    # Without drift a user never leaves the 50 items of one topic.
    starts = sequences.offsets[:-1]
    together = {}
    for first, last in zip(starts, sequences.offsets[1:], strict=True):
        for item in sequences.items[first:last].tolist():
            together.setdefault(item, set()).update(sequences.items[first:last].tolist())
    assert max(len(others) for others in together.values()) <= 50
