import os
from pathlib import Path

import pytest

from common.tracking.tracker import is_logged_in, logs_model, resolve_mode


@pytest.fixture
def nobody(tmp_path, monkeypatch):
    """A user without any W&B settings; returns the environment to extend."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return {"NETRC": str(tmp_path / "netrc"), "WANDB_CONFIG_DIR": str(tmp_path / "config")}


def write_netrc(environment, host):
    with open(environment["NETRC"], "w") as file:
        file.write(f"machine {host}\n  login user\n  password {'0' * 40}\n")


def test_nobody_logged_in_means_offline(nobody):
    assert resolve_mode("auto", nobody) == "offline"


@pytest.mark.parametrize("name", ["WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE"])
def test_a_key_in_the_environment_means_online(nobody, name):
    assert resolve_mode("auto", {**nobody, name: "x"}) == "online"


def test_a_key_in_netrc_means_online_for_its_server_only(nobody):
    write_netrc(nobody, "api.wandb.ai")
    assert resolve_mode("auto", nobody) == "online"
    own = {**nobody, "WANDB_BASE_URL": "https://wandb.example.org:8080"}
    assert not is_logged_in(own)
    write_netrc(nobody, "wandb.example.org:8080")
    assert is_logged_in(own)


def test_the_server_is_also_read_from_the_settings_of_wandb(nobody, tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "settings").write_text("[default]\nbase_url = https://own.example\n")
    write_netrc(nobody, "own.example")
    assert is_logged_in(nobody)


def test_a_broken_netrc_is_no_login(nobody):
    with open(nobody["NETRC"], "w") as file:
        file.write("machine\nmachine machine login ]")
    assert not is_logged_in(nobody)


def test_who_has_no_home_and_files_of_another_encoding_are_no_login(nobody, monkeypatch):
    def nameless(_number):
        raise KeyError

    for name in "config", "netrc":
        path = Path(os.environ["HOME"]) / name
        path.write_bytes("größe".encode("latin-1")) if name == "netrc" else path.mkdir()
    (Path(os.environ["HOME"]) / "config" / "settings").write_bytes(b"[default]\nbase_url = \xfc\n")
    assert resolve_mode("auto", nobody) == "offline"
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", nameless)
    assert resolve_mode("auto", {}) == "offline"


@pytest.mark.parametrize(
    ("variable", "mode"),
    [("disabled", "disabled"), ("OFFLINE", "offline"), ("dryrun", "offline"), ("run", "online")],
)
def test_auto_follows_the_environment(nobody, variable, mode):
    assert resolve_mode("auto", {**nobody, "WANDB_MODE": variable, "WANDB_API_KEY": "x"}) == mode


def test_a_mode_that_the_recipe_names_wins(nobody):
    assert resolve_mode("disabled", {**nobody, "WANDB_MODE": "online"}) == "disabled"


@pytest.mark.parametrize(("variable", "logs"), [("", False), ("False", False), ("end", True)])
def test_checkpoints_are_logged_only_when_asked(variable, logs):
    assert not logs_model({})
    assert logs_model({"WANDB_LOG_MODEL": variable}) is logs
