import pytest
import torch

from papers.hydra.gate import (
    PairGate,
    SharedGate,
    class_gates,
    class_relations,
    pair_gates,
)

CLASSES, DIM = 5, 6
FIRST, SECOND = torch.tensor([0, 1, 2, 3, 4, 0, 2]), torch.tensor([1, 0, 2, 4, 3, 3, 4])


def make_gate(fusion="average", seed=0):
    torch.manual_seed(seed)
    gate = PairGate(CLASSES, DIM, embedding_dim=8, hidden_dim=12, fusion=fusion).double()
    for _ in range(40):  # running statistics of its own
        gate(FIRST, SECOND)
    return gate


def batch_norm(x, norm):
    return (x - x.mean(0)) / (x.var(0, unbiased=False) + norm.eps).sqrt()


@pytest.mark.parametrize("fusion", ["average", "product"])
def test_the_order_is_relu_then_batch_norm_twice(fusion):
    gate = make_gate(fusion)
    table, w1, w2 = gate.embedding.weight, gate.linear1, gate.linear2

    def logits(e):
        hidden = batch_norm(e.clamp(min=0), gate.norm1) @ w1.weight.T + w1.bias
        return batch_norm(hidden.clamp(min=0), gate.norm2) @ w2.weight.T + w2.bias

    if fusion == "average":
        expected = torch.sigmoid(logits((table[FIRST] + table[SECOND]) / 2))
    else:
        parts = torch.sigmoid(logits(torch.cat([table[FIRST], table[SECOND]])))
        expected = parts[:7] * parts[7:]
    torch.testing.assert_close(gate(FIRST, SECOND), expected)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("fusion", ["average", "product"])
def test_a_pair_has_no_order_and_pairs_differ(fusion, training):
    gate = make_gate(fusion).train(training)
    there, back = gate(FIRST, SECOND), gate(SECOND, FIRST)
    torch.testing.assert_close(there, back)
    assert ((there > 0) & (there < 1)).all()
    assert there.std(0).mean() > 0.05


def test_a_product_is_at_most_as_open_as_either_class():
    gate = make_gate("product").eval()
    alone = gate(FIRST, FIRST).sqrt()
    torch.testing.assert_close(gate(FIRST, SECOND), alone * gate(SECOND, SECOND).sqrt())


def test_gates_of_classes_use_and_keep_the_statistics_of_pairs():
    gate = make_gate()
    before = {name: value.clone() for name, value in gate.state_dict().items()}
    found = class_gates(gate, CLASSES)
    assert gate.training
    for name, value in gate.state_dict().items():
        assert torch.equal(value, before[name]), name
    classes = torch.arange(CLASSES)
    torch.testing.assert_close(found, gate.eval()(classes, classes))
    # After a training call, as in a step: its running statistics changed before, not after.
    gate.train()
    (gate(FIRST, SECOND).sum() + class_gates(gate, CLASSES).sum()).backward()
    assert gate.embedding.weight.grad.any()


def test_a_shared_gate_is_the_same_for_all_pairs_and_learns():
    gate = SharedGate(CLASSES, DIM)
    found = gate(FIRST, SECOND)
    assert found.shape == (7, DIM) and (found == 0.5).all()
    found[:, 0].sum().backward()
    assert gate.shared_logits.grad[0] > 0 and not gate.shared_logits.grad[1:].any()


def test_half_precision_is_left_out():
    gate = make_gate().float()
    with torch.autocast("cpu", torch.bfloat16):
        half = gate(FIRST, SECOND)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, make_gate().float()(FIRST, SECOND))


def test_relations_come_from_gates_in_evaluation():
    gate = make_gate()
    gates = pair_gates(gate, torch.arange(CLASSES))
    assert gates.shape == (CLASSES, CLASSES, DIM)
    torch.testing.assert_close(gates, gates.transpose(0, 1))
    torch.testing.assert_close(gates[1, 3], gate.eval()(torch.tensor([1]), torch.tensor([3]))[0])
    relations = class_relations(gate, CLASSES)
    single = gates.diagonal().T
    cosine = torch.nn.functional.cosine_similarity(single[0], single[2], dim=0)
    torch.testing.assert_close(relations[0, 2], cosine)
    torch.testing.assert_close(relations.diagonal(), torch.ones(CLASSES, dtype=torch.float64))
