import pytest

from common.errors import UsageError
from common.runs.outputs import EMBEDDINGS, check_output


def test_a_file_is_replaced_only_when_that_is_asked_for(tmp_path):
    check_output(tmp_path / "new.npz", EMBEDDINGS, force=False)
    (tmp_path / "old.npz").touch()
    check_output(tmp_path / "old.npz", EMBEDDINGS, force=True)
    with pytest.raises(UsageError, match=r"old.npz.*--force"):
        check_output(tmp_path / "old.npz", EMBEDDINGS, force=False)


def test_other_endings_and_libraries_that_are_not_there_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"mine.csv.*\.npz"):
        check_output(tmp_path / "mine.csv", EMBEDDINGS, force=True)
    with pytest.raises(UsageError, match=r"mine\.foo: needs no_such_library"):
        check_output(tmp_path / "mine.foo", {".foo": "no_such_library"}, force=True)
