"""MovieLens: a table of ratings becomes what each user watched, in order of time."""

from pathlib import Path

from common.data.catalogue.root import require
from common.data.sequences.config import SequenceConfig
from common.data.sequences.readers.read import in_order_of_time, number_in
from common.data.sequences.store import Sequences, k_core, pack
from common.errors import DataError
from common.own_data.csv_lines import text_lines

COLUMNS = ["userId", "movieId", "rating", "timestamp"]
# As usual for this set; users have twenty ratings or more, many movies have one.
CORE = 5


def movielens(config: SequenceConfig) -> Sequences:
    """Reads ``recsys/<name>/ratings.csv.gz`` of the data root: the 5-core, movies renumbered."""
    path = require(config.root, f"recsys/{config.name}/ratings.csv.gz", config.name)
    return k_core(read_ratings(path, config.name), CORE)


def read_ratings(path: Path, name: str) -> Sequences:
    """Reads a MovieLens ``ratings.csv``, plain or gzipped; each rating is an action.

    Whatever the rating, the movie was watched. The file is in order of movies: a user's are sorted
    by time stamp, those of one second (a page of ratings sent at once) stay in the file's order.

    Raises:
        DataError: Another header, or a broken row; names the file and the line.
    """
    lines = enumerate(text_lines(path), start=1)
    header = next(lines, (1, ""))[1]
    if header.split(",") != COLUMNS:
        raise DataError(f"{path}:1: {header!r} is not the header {','.join(COLUMNS)}")
    users: dict[str, list[tuple[float, int]]] = {}
    places: dict[str, str] = {}
    for number, line in lines:
        cells = line.split(",")
        if len(cells) != len(COLUMNS):
            raise DataError(f"{path}:{number}: {len(cells)} columns instead of {len(COLUMNS)}")
        user, movie, _, stamp = cells
        if not movie.isdecimal():
            raise DataError(f"{path}:{number}: movieId {movie!r} is not a whole number")
        time = number_in(stamp, f"{path}:{number}", "timestamp")
        users.setdefault(user, []).append((time, int(movie)))
        places.setdefault(user, f"{path}:{number} (user {user})")
    items = [in_order_of_time(rows) for rows in users.values()]
    return pack(name, items, list(places.values()), fewest=1)
