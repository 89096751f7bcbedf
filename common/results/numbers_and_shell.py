"""The two halves of the code: what can move a measured number, and what reads, runs and shows."""

from fnmatch import fnmatch

# Imported by both halves; it holds declarations, tables of names, messages and bounds. What a
# paper uses of the declarations and tables is hashed with the numbers. A star is a folder's name.
GROUND = (
    "common/bounds.py",
    "common/data/*/__init__.py",
    "common/data/modality.py",
    "common/data/targets/*/__init__.py",
    "common/errors.py",
    "common/paper.py",
    "common/registry.py",
    "common/settings.py",
)
# Files, and folders that end in a slash.
NUMBERS = (
    "common/backbones/",
    "common/config/__init__.py",
    "common/config/schema.py",
    "common/data/",
    "common/distributed/",
    "common/evaluation/",
    "common/losses/",
    "common/methods/",
    "common/optim/",
    "common/training/",
)
# Readers make arrays of files, which a data hash guards; synthetic sources serve stored steps, and
# `own.py` plans for data of the user's own.
SHELL_PARTS = ("catalogue", "readers")
SHELL_NAMES = ("own.py", "synthetic.py")
# In a paper's folder.
SHELL_OF_PAPER = ("own_data.py", "plots.py", "reference.py", "reference_losses.py", "steps.py")


def is_ground(path: str) -> bool:
    """Tells whether ``path``, relative to the root and with slashes, is common ground."""
    return any(fnmatch(path, one) and path.count("/") == one.count("/") for one in GROUND)


def is_numbers(path: str) -> bool:
    """Tells whether ``path``, relative to the root and with slashes, can move a number."""
    *folders, name = path.split("/")
    if set(folders) & set(SHELL_PARTS) or is_ground(path):
        return False
    if path.startswith("papers/"):
        return len(folders) > 1 and name not in SHELL_OF_PAPER
    inside = any(path == one or (one[-1] == "/" and path.startswith(one)) for one in NUMBERS)
    return inside and name not in SHELL_NAMES
