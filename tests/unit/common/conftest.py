import dataclasses

import pytest

from tests.samples import RECORD


@pytest.fixture
def make_record():
    """A valid record with changes; each seed gets a run id of its own."""

    def make(**changes):
        seed = changes.get("seed", RECORD.seed)
        return dataclasses.replace(RECORD, **{"run_id": f"260101-000000-{seed:04x}", **changes})

    return make
