import re

from common.results.leaderboard import read_leaderboard
from common.results.pages.site import ASSETS, PAGE, render_files
from common.results.pages.write import check_pages

FIRST_VIEW = 1_000_000


def test_the_leaderboard_says_what_the_records_say():
    check_pages()


def test_the_first_view_of_the_projects_page_is_small_and_has_every_arm(tmp_path):
    board = read_leaderboard()
    files = dict(render_files(board, tmp_path))
    assert sum(len(files[name]) for name in (PAGE, *ASSETS)) < FIRST_VIEW
    assert len(re.findall(r" data-curves=", files[PAGE])) == len(board.groups)
    assert {f"arms/{paper}.js" for paper in board.papers()} < files.keys()
