import pytest

from common.data.catalogue.at_hand import require_data
from common.data.catalogue.sources import load_sources
from common.errors import DataError


def test_what_is_there_in_part_or_is_built_in_passes(tmp_path):
    first = tmp_path / load_sources()["cifar10"].files[0].path
    first.parent.mkdir(parents=True)
    first.touch()
    (tmp_path / "imagenet" / "train").mkdir(parents=True)
    (tmp_path / "wordnet").mkdir()
    (tmp_path / "wordnet" / "data.noun").touch()  # as Debian's package has it
    (tmp_path / "mine.csv").touch()
    for name, path in (
        ("cifar10", None),
        ("imagenet", None),
        ("imagenet100", None),
        ("wordnet", None),
        ("scattered-digits", None),
        ("csv", str(tmp_path / "mine.csv")),
        ("ow-dfa", "mine.csv"),
    ):
        require_data(name, str(tmp_path), path)


@pytest.mark.parametrize(
    ("name", "path", "said"),
    [
        ("cifar10", None, "papers data prepare cifar10"),
        ("imagenet", None, "imagenet is missing"),
        ("csv", "none.csv", "none.csv"),
    ],
)
def test_what_is_not_there_is_refused(name, path, said, tmp_path):
    with pytest.raises(DataError, match=said):
        require_data(name, str(tmp_path), path)
