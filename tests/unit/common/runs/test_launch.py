import pytest

from common.config.recipe import load_recipe
from common.errors import ConfigError
from common.runs.devices import check_accelerator, num_processes, strategy_of


@pytest.fixture(autouse=True)
def no_launcher(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)


@pytest.fixture
def gpus(monkeypatch):
    """Returns a function that says how many GPUs torch is to see."""

    def see(number):
        monkeypatch.setattr("torch.cuda.device_count", lambda: number)
        monkeypatch.setattr("torch.cuda.is_available", lambda: number > 0)
        monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)

    return see


def swav(*overrides):
    return load_recipe("swav/quick", list(overrides))


@pytest.mark.parametrize(
    ("overrides", "seen", "processes"),
    [
        ([], 0, 1),
        (["trainer.devices=2"], 0, 2),
        (["trainer.devices=2", "trainer.nodes=3"], 0, 6),
        (["trainer.devices=auto"], 4, 4),
        (["trainer.devices=-1"], 4, 4),
        (["trainer.devices=auto"], 0, 1),
        (["trainer.devices=auto", "trainer.accelerator=cpu"], 4, 1),
        (["trainer.devices='0,2,3'"], 8, 3),
    ],
)
def test_the_processes_are_counted_before_any_is_started(overrides, seen, processes, gpus):
    gpus(seen)
    assert num_processes(swav(*overrides)) == processes


@pytest.mark.parametrize(
    ("started", "overrides", "mend"),
    [
        ("2", [], "trainer.devices=2"),
        ("8", ["trainer.devices=2", "trainer.nodes=2"], "trainer.devices=4"),
        ("1", ["trainer.devices=2"], "trainer.devices=1"),
        ("1", ["trainer.nodes=4"], "trainer.devices=1"),
    ],
)
def test_a_launcher_with_another_number_is_refused(started, overrides, mend, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", started)
    with pytest.raises(ConfigError, match=mend):
        num_processes(swav(*overrides))


@pytest.mark.parametrize("started", ["4", "", "none"])
def test_a_launcher_with_the_recipes_number_or_none_is_accepted(started, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", started)
    assert num_processes(swav("trainer.devices=2", "trainer.nodes=2")) == 4


@pytest.mark.parametrize(
    ("overrides", "strategy"),
    [
        ([], "auto"),
        (["trainer.strategy=ddp"], "ddp"),
        (["trainer.devices=2"], "ddp"),
        (["trainer.devices=2", "trainer.strategy=fsdp"], "fsdp"),
    ],
)
def test_the_strategy_is_the_papers_unless_the_recipe_names_one(overrides, strategy):
    assert strategy_of(swav(*overrides)) == strategy


def test_a_paper_with_unused_parameters_gets_the_strategy_that_allows_them():
    recipe = load_recipe("mclrec/quick", ["trainer.devices=2"])
    assert strategy_of(recipe) == "ddp_find_unused_parameters_true"


def test_a_full_batch_paper_refuses_devices_with_its_reason():
    with pytest.raises(ConfigError, match=r"meow runs on one device only: .*couples all nodes"):
        strategy_of(load_recipe("meow/quick", ["trainer.devices=2"]))
    assert strategy_of(load_recipe("meow/quick")) == "auto"
    assert strategy_of(load_recipe("meow/scale", ["trainer.devices=2"])) == "ddp"


@pytest.mark.filterwarnings("ignore:.*prototypes cannot have equal mass")
@pytest.mark.parametrize(
    ("batch_size", "devices", "near"),
    [(127, 2, "use 126 or 128"), (130, 4, "use 128 or 132"), (2, 4, "use 4$")],
)
def test_a_batch_that_cannot_be_divided_names_the_nearest(batch_size, devices, near):
    recipe = swav(f"data.batch_size={batch_size}", f"trainer.devices={devices}")
    with pytest.raises(ConfigError, match=near):
        strategy_of(recipe)
    assert strategy_of(swav(f"data.batch_size={batch_size}")) == "auto"


@pytest.mark.parametrize(
    ("overrides", "seen", "message"),
    [
        (["trainer.accelerator=gpu"], 0, "GPU"),
        (["trainer.accelerator=cuda"], 0, "GPU"),
        (["trainer.devices=-1"], 0, "GPU"),
        (["trainer.devices='0,2'"], 0, "GPU"),
        (["trainer.devices=-1"], 2, None),
        (["trainer.precision=16-mixed"], 0, "16-mixed.*GPU"),
        (["trainer.accelerator=cuda"], 1, None),
        (["trainer.accelerator=gpu", "trainer.precision=16-mixed"], 1, None),
        (["trainer.precision=bf16-mixed"], 0, None),
    ],
)
def test_a_gpu_that_is_not_there_is_missed_before_the_data_are_read(overrides, seen, message, gpus):
    gpus(seen)
    if message is None:
        check_accelerator(swav(*overrides))
        return
    with pytest.raises(ConfigError, match=message):
        check_accelerator(swav(*overrides))


def test_a_mac_without_cuda_is_a_gpu_but_no_cuda(gpus, monkeypatch):
    gpus(0)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: True)
    check_accelerator(swav("trainer.accelerator=gpu"))
    with pytest.raises(ConfigError, match="use auto or cpu"):
        check_accelerator(swav("trainer.accelerator=cuda"))


def test_a_paper_that_takes_its_steps_itself_refuses_clipping():
    with pytest.raises(ConfigError, match=r"optimizer\.clip_norm"):
        strategy_of(load_recipe("mclrec/quick", ["optimizer.clip_norm=1"]))
