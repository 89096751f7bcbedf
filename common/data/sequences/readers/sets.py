"""The sequence data sets by name: each a function of the configuration."""

from pathlib import Path

from common.data.catalogue.root import require
from common.data.sequences.config import SequenceConfig
from common.data.sequences.readers.clicks import Columns
from common.data.sequences.readers.read import read_actions, read_sequences
from common.data.sequences.store import FEWEST_ACTIONS, Sequences, k_core, pack
from common.errors import ConfigError

# Items of each packed set, so that a truncated or foreign file cannot pass.
NUM_ITEMS = {"beauty": 12101, "sports": 18357, "toys": 11924, "yelp": 20033}
# MovieLens: as usual for this set; users have twenty ratings or more, many movies have one.
CORE = 5


def packed(config: SequenceConfig) -> Sequences:
    """Reads ``recsys/<name>.txt.gz`` of the data root."""
    path = require(config.root, f"recsys/{config.name}.txt.gz")
    return read_sequences(path, config.name, NUM_ITEMS[config.name])


def movielens(config: SequenceConfig) -> Sequences:
    """Reads ``recsys/<name>/ratings.csv.gz`` of the data root: the 5-core, movies renumbered.

    Whatever the rating, the movie was watched. The file is in order of movies: a user's are sorted
    by time stamp, those of one second (a page of ratings sent at once) stay in the file's order.
    """
    path = require(config.root, f"recsys/{config.name}/ratings.csv.gz", config.name)
    columns = Columns("userId", "movieId", "timestamp")
    _, items, places, _ = read_actions(path, columns=columns)
    return k_core(pack(config.name, items, places, fewest=1), CORE)


def own_file(config: SequenceConfig) -> Sequences:
    """Reads a user's file."""
    if config.path is None:
        raise ConfigError("data.path: `data.name=file` needs the file (data.path=FILE.txt)")
    # A core drops whoever is too short; without one the reader refuses them.
    fewest = 1 if config.core else FEWEST_ACTIONS
    columns = Columns(config.user, config.item, config.time)
    path = Path(config.path).expanduser()
    return read_sequences(path, "file", config.num_items, fewest, columns)
