import numpy as np
import pytest
import torch

from common.config.schema import OptimizerConfig
from common.errors import ConfigError
from common.optim.build import build_optimizer
from common.optim.schedules import TableLR, build_scheduler, warmup_cosine


def make_optimizer(config: OptimizerConfig) -> torch.optim.Optimizer:
    return build_optimizer([torch.nn.Parameter(torch.ones(2, 2))], config)


def test_base_rate_stands_twice_and_the_final_one_is_not_reached():
    table = warmup_cosine(1.0, 0.1, steps_per_epoch=5, epochs=4, warmup_epochs=1, start_lr=0.2)
    assert len(table) == 20
    assert table[0] == 0.2 and table[4] == table[5] == 1.0
    assert 0.1 < table[-1] < 0.12
    assert (np.diff(table[5:]) < 0).all()


def test_the_optimizer_follows_the_table_and_keeps_its_last_value():
    config = OptimizerConfig(lr=0.3, schedule="cosine", warmup_epochs=1)
    optimizer = make_optimizer(config)
    scheduler = build_scheduler(optimizer, config, steps_per_epoch=3, epochs=2)
    used = []
    for _ in range(8):
        used.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    np.testing.assert_array_equal(used[:6], scheduler.table)
    assert used[6] == used[7] == scheduler.table[-1]


def test_a_resumed_schedule_goes_on_at_its_position():
    config = OptimizerConfig(lr=0.3, schedule="cosine")
    optimizer, twin = make_optimizer(config), make_optimizer(config)
    first = build_scheduler(optimizer, config, 4, 3)
    for _ in range(5):
        optimizer.step()
        first.step()
    second = build_scheduler(twin, config, 4, 3)
    twin.load_state_dict(optimizer.state_dict())
    second.load_state_dict(first.state_dict())
    assert "table" not in first.state_dict()
    for _ in range(3):
        for opt, sched in ((optimizer, first), (twin, second)):
            opt.step()
            sched.step()
        assert twin.param_groups[0]["lr"] == optimizer.param_groups[0]["lr"]


def test_groups_keep_their_proportion():
    weights = [torch.nn.Parameter(torch.ones(1)) for _ in range(2)]
    groups = [{"params": [weights[0]]}, {"params": [weights[1]], "lr": 0.2}]
    optimizer = torch.optim.SGD(groups, lr=0.1)
    scheduler = TableLR(optimizer, np.array([0.1, 0.05]), base_lr=0.1)
    optimizer.step()
    scheduler.step()
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.05, 0.1])


def test_constant_after_a_warm_up():
    config = OptimizerConfig(lr=0.4, warmup_epochs=1, warmup_start_lr=0.1)
    scheduler = build_scheduler(make_optimizer(config), config, steps_per_epoch=4, epochs=2)
    np.testing.assert_allclose(scheduler.table, [0.1, 0.2, 0.3, 0.4, 0.4, 0.4, 0.4, 0.4])


def test_a_warm_up_beyond_the_training_is_refused():
    config = OptimizerConfig(warmup_epochs=5, schedule="cosine")
    with pytest.raises(ConfigError, match=r"warmup_epochs.*5.*3"):
        build_scheduler(make_optimizer(config), config, steps_per_epoch=4, epochs=3)


def test_no_epochs_still_make_a_schedule():
    config = OptimizerConfig(schedule="cosine", lr=0.7)
    assert build_scheduler(make_optimizer(config), config, 4, 0).table.tolist() == [0.7]


def test_the_peak_may_stand_once():
    config = OptimizerConfig(
        lr=4.0, schedule="cosine", warmup_epochs=2, warmup_start_lr=0.04, peak_once=True
    )
    table = build_scheduler(make_optimizer(config), config, steps_per_epoch=5, epochs=4).table
    assert (table == 4.0).nonzero()[0].tolist() == [10]
    np.testing.assert_allclose(np.diff(table[:11]), 3.96 / 10)


def test_steps_multiply_the_rate_every_so_many_epochs():
    config = OptimizerConfig(lr=1.0, schedule="steps", step_epochs=2, step_factor=0.5)
    scheduler = build_scheduler(make_optimizer(config), config, steps_per_epoch=3, epochs=5)
    expected = [1.0] * 6 + [0.5] * 6 + [0.25] * 3
    np.testing.assert_allclose(scheduler.table, expected)


def test_a_linear_schedule_warms_up_and_stops_one_step_short_of_its_end():
    config = OptimizerConfig(lr=1.0, final_lr=0.2, schedule="linear", warmup_epochs=1)
    table = build_scheduler(make_optimizer(config), config, steps_per_epoch=4, epochs=3).table
    np.testing.assert_allclose(table[:4], [0, 0.25, 0.5, 0.75])
    np.testing.assert_allclose(table[4:], 1 - 0.1 * np.arange(8))
