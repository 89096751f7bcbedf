"""Sets of the UEA and UCR archive, and where they lie in the data root. Imports no torch."""

FOLDER = "timeseries/uea_ucr"
# Names in recipes -> names in the archive.
ARCHIVE = {
    "acsf1": "ACSF1",
    "arrow-head": "ArrowHead",
    "basic-motions": "BasicMotions",
    "coffee": "Coffee",
    "gun-point": "GunPoint",
    "italy-power-demand": "ItalyPowerDemand",
    "japanese-vowels": "JapaneseVowels",
    "osu-leaf": "OSULeaf",
    "pickup-gesture": "PickupGestureWiimoteZ",
    "plaid": "PLAID",
    "trace": "Trace",
}


def archive_path(name: str) -> str:
    """Returns the file of the set ``name``, below the data root."""
    return f"{FOLDER}/{ARCHIVE[name]}.npz"
