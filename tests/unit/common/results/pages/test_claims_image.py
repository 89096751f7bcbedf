"""The README's picture says what the verdicts are: a square for each claim, counted by kind."""

from collections import Counter
from xml.etree import ElementTree

from common.results.leaderboard import read_leaderboard
from common.results.pages.claims_image import COLOURS, claims_image

SVG = "{http://www.w3.org/2000/svg}"


def test_each_claim_has_one_square_in_the_colour_of_its_verdict():
    board = read_leaderboard()
    decided = [one for paper in board.papers() for one in board.decisions(paper)]
    picture = ElementTree.fromstring(claims_image(board))
    marks = [mark.get("stroke") for mark in picture.iter(f"{SVG}rect")]
    legend = [*COLOURS.values(), None, COLOURS["holds"]]
    expected = Counter(COLOURS.get(one.kind) for one in decided)
    assert Counter(marks) == expected + Counter(legend)


def test_rings_are_the_decided_claims_whose_runs_are_older():
    board = read_leaderboard()
    decided = [one for paper in board.papers() for one in board.decisions(paper)]
    older = [one for one in decided if one.seen_before and one.kind in COLOURS]
    picture = ElementTree.fromstring(claims_image(board))
    rings = [mark for mark in picture.iter(f"{SVG}rect") if mark.get("stroke-width")]
    assert len(rings) == len(older) + 1  # the legend's
