"""Whether W&B runs online, offline or not at all; found out without network, prompt or import."""

import configparser
import netrc
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

DEFAULT_SERVER = "https://api.wandb.ai"
# W&B's own older names.
_ALIASES = {"dryrun": "offline", "run": "online", "shared": "online"}


def resolve_mode(mode: str, environment: Mapping[str, str] | None = None) -> str:
    """Returns ``online``, ``offline`` or ``disabled``.

    ``auto`` follows ``WANDB_MODE`` where it is set, else it is online for a user who is logged
    in and offline for everybody else. A mode that the recipe or the command names wins.
    """
    environment = os.environ if environment is None else environment
    if mode != "auto":
        return mode
    wanted = environment.get("WANDB_MODE", "").lower()
    wanted = _ALIASES.get(wanted, wanted)
    if wanted in ("online", "offline", "disabled"):
        return wanted
    return "online" if is_logged_in(environment) else "offline"


def logs_model(environment: Mapping[str, str] | None = None) -> bool:
    """Tells whether the trained checkpoint goes to W&B: ``WANDB_LOG_MODEL``, unset or false: no."""
    environment = os.environ if environment is None else environment
    return environment.get("WANDB_LOG_MODEL", "").lower() not in ("", "false")


def is_logged_in(environment: Mapping[str, str]) -> bool:
    """Tells whether a key for the W&B server is in the environment or in the netrc file."""
    if environment.get("WANDB_API_KEY") or environment.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    host = urlsplit(_server(environment)).netloc
    try:
        entry = netrc.netrc(_netrc_path(environment)).authenticators(host)
    except (OSError, netrc.NetrcParseError):
        return False
    return bool(entry and entry[2])


def _server(environment: Mapping[str, str]) -> str:
    if environment.get("WANDB_BASE_URL"):
        return environment["WANDB_BASE_URL"]
    folder = Path(environment.get("WANDB_CONFIG_DIR") or "~/.config/wandb").expanduser()
    settings = configparser.ConfigParser(interpolation=None)
    try:
        settings.read(folder / "settings")
    except (OSError, configparser.Error):
        return DEFAULT_SERVER
    return settings.get("default", "base_url", fallback=DEFAULT_SERVER)


def _netrc_path(environment: Mapping[str, str]) -> Path:
    if environment.get("NETRC"):
        return Path(environment["NETRC"]).expanduser()
    usual = Path("~/.netrc").expanduser()
    return usual if usual.exists() else Path("~/_netrc").expanduser()
