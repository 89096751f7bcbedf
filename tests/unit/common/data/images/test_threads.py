import threading

import pytest
import torch

from common.data.images.threads import in_threads


@pytest.fixture(params=[1, 2, 3])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_every_piece_is_done_once(threads):
    done = torch.zeros(50)

    def work(index: int) -> None:
        done[index] += 1

    in_threads(work, range(50))
    assert done.tolist() == [1] * 50


def test_an_operation_stays_on_its_thread_and_ours_keeps_its_own(threads):
    seen: set[tuple[int, int]] = set()
    start = threading.Barrier(threads)

    def work(_: int) -> None:
        start.wait(timeout=30)  # no thread takes two pieces
        seen.add((threading.get_ident(), torch.get_num_threads()))

    in_threads(work, range(threads))
    assert len(seen) == threads
    assert {count for _, count in seen} == {1}
    assert torch.get_num_threads() == threads
    later: list[int] = []
    other = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    other.start()
    other.join()
    assert later == [threads]


def test_what_a_piece_raises_is_raised(threads):
    def work(piece: int) -> None:
        if piece == 3:
            raise ValueError("piece 3")

    with pytest.raises(ValueError, match="piece 3"):
        in_threads(work, range(5))
