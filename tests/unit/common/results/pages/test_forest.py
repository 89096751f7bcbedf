from xml.etree import ElementTree

from common.results.pages.forest import Bar, forest

SVG = "{http://www.w3.org/2000/svg}"


def drawn(*bars):
    image = ElementTree.fromstring(forest("What <it> says", bars))
    marks = [(float(c.get("cx")), c.get("class")) for c in image.iter(f"{SVG}circle")]
    lines = [line for line in image.iter(f"{SVG}line") if line.get("class") == "bar"]
    ends = [(float(line.get("x1")), float(line.get("x2"))) for line in lines]
    return marks, ends, [text.text for text in image.iter(f"{SVG}text")]


def test_a_mark_stands_within_its_interval_and_is_filled_on_real_data_alone():
    bars = Bar("real", 2.0, 0.5, False, "holds"), Bar("drawn", -40.0, 3.0, True, "opposite")
    marks, ends, words = drawn(*bars, Bar("one seed", 0.0, None, False, "undecided"))
    assert [look for _, look in marks] == ["real", "generated", "real"]
    assert len(ends) == 2
    for (x, _), (low, high) in zip(marks, ends, strict=False):
        assert low < x < high
    assert marks[1][0] < marks[2][0] < marks[0][0]
    assert {"What <it> says", "real", "drawn", "holds", "opposite"} < set(words)


def test_one_unit_of_what_matters_is_as_far_on_both_sides():
    marks, _, _ = drawn(*(Bar("", gap, None, False, "") for gap in (-1.0, 0.0, 1.0)))
    (left, _), (middle, _), (right, _) = marks
    assert abs((middle - left) - (right - middle)) < 0.2 and right > middle


def test_a_long_name_is_not_cut():
    image = ElementTree.fromstring(forest("", [Bar("n" * 60, 0.0, None, False, "")]))
    (name,) = [text for text in image.iter(f"{SVG}text") if text.text == "n" * 60]
    assert float(image.get("viewBox").split()[0]) <= float(name.get("x")) - 60 * 7
