"""Tables of clicks: their columns are found by printed names, and times order each user's."""

import gzip

import pytest

from common.data.sequences.readers.clicks import Columns
from common.data.sequences.readers.read import read_actions
from common.errors import DataError
from common.own_data.plan import make_plan

# Three users; lines are out of order.
ROWS = [("u1", "b", 3), ("u2", "a", 1), ("u1", "a", 1), ("u1", "c", 2), ("u2", "c", 5)]
IN_ORDER = [["a", "c", "b"], ["a", "c"]]
TIMES = {
    "number": "{}",
    "iso": "2024-01-0{}T10:00:00",
    "zoned": "2024-01-0{}T10:00:00+02:00",
    "us": "1/1{}/2024 10:00",
}


def clicks(path, header="user_id,item_id,timestamp", time="{}", rows=ROWS, mark=","):
    lines = [mark.join([user, item, time.format(at)]) for user, item, at in rows]
    text = "\n".join([header.replace(",", mark), *lines]) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def items(path, *columns):
    return read_actions(path, tokens=True, columns=Columns(*columns)).items


@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize(
    "header",
    ["user_id,item_id,timestamp", "Customer,SKU,ts", "visitorid,movieId,Date", "uid,iid,time"],
)
def test_columns_are_found_by_their_names_and_times_order_the_actions(tmp_path, header, time):
    assert items(clicks(tmp_path / "c.csv", header, TIMES[time])) == IN_ORDER


@pytest.mark.parametrize(("name", "mark"), [("c.csv.gz", ","), ("c.tsv", "\t"), ("C.CSV", ",")])
def test_a_table_may_be_packed_or_have_tabs(tmp_path, name, mark):
    assert items(clicks(tmp_path / name, mark=mark)) == IN_ORDER


@pytest.mark.parametrize("unit", [None, "ms", "ns"])
def test_parquet_is_read_as_csv_is(tmp_path, unit):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    times = pa.array([1_700_000_000_000_000_001 + row[2] for row in ROWS])
    times = times if unit is None else times.cast(pa.timestamp(unit))
    times = pa.array([row[2] for row in ROWS]) if unit == "ms" else times
    table = {"user_id": [row[0] for row in ROWS], "sku": [row[1] for row in ROWS]}
    parquet.write_table(pa.table({**table, "ts": times}), tmp_path / "c.parquet")
    assert sorted(map(sorted, items(tmp_path / "c.parquet"))) == [["a", "b", "c"], ["a", "c"]]
    given = parquet.read_table(tmp_path / "c.parquet").set_column(
        2, "ts", pa.array([f"2024-01-0{row[2]}" for row in ROWS])
    )
    parquet.write_table(given, tmp_path / "c.parquet")
    assert items(tmp_path / "c.parquet") == IN_ORDER


def test_without_times_the_order_of_lines_counts_and_is_said_to(tmp_path):
    path = clicks(tmp_path / "c.csv", "user,item,rating")
    found = read_actions(path, tokens=True)
    assert found.items == [["b", "a", "c"], ["a", "c"]] and "data.time=NAME" in found.note
    assert items(path, None, None, "rating") == IN_ORDER


@pytest.mark.parametrize(
    ("header", "time", "rows", "pieces"),
    [
        ("user,customer_id,time", "{}", ROWS, ["user, customer_id", "data.user=user"]),
        ("user,thing,time", "{}", ROWS, ["item", "sku", "user, thing, time", "data.item=NAME"]),
        ("user,item,time", "{}", [*ROWS, ("", "a", 3)], ["line 7", "'user' is empty"]),
        ("user,item,time", "{}", [*ROWS, ("NULL", "a", 3)], ["line 7", "'user'", "NULL"]),
        ("user,item,time", "{}", [*ROWS, ("u1", "NaN", 3)], ["line 7", "'item'", "NaN"]),
        ("user,item,time", "{}", [*ROWS, ("u1", "a", "soon")], ["line 7", "soon", "number"]),
        ("user,item,time", "{}", [*ROWS, ("u1", "a", "")], ["line 7", "'time' is empty"]),
        ("user,item,time", "{}", [*ROWS, ("u1", "a", "nan")], ["line 7", "nan"]),
        ("user,item,time", "0{0}/0{0}/2024", ROWS, ["line 2", "%d/%m/%Y", "%m/%d/%Y"]),
        ("user,item,time", "{}", [*ROWS, ("u1", "a,b", 3)], ["line 7", "4 cells"]),
    ],
)
def test_what_is_not_told_for_sure_is_refused_with_its_place(tmp_path, header, time, rows, pieces):
    with pytest.raises(DataError) as caught:
        items(clicks(tmp_path / "c.csv", header, time, rows))
    assert all(piece in str(caught.value) for piece in ["c.csv", *pieces]), caught.value


def test_a_time_zone_has_every_date_or_none(tmp_path):
    rows = [*ROWS, ("u1", "a", "6T10:00:00+02:00")]
    with pytest.raises(DataError, match=r"line 7.*time zone"):
        items(clicks(tmp_path / "c.csv", time="2024-01-0{}", rows=rows))


def test_columns_that_are_named_are_of_a_table_alone(tmp_path):
    (tmp_path / "c.txt").write_text("1 2 3 4\n")
    with pytest.raises(DataError, match=r"data\.user"):
        items(tmp_path / "c.txt", "user")
    with pytest.raises(DataError, match='no column "who"'):
        items(clicks(tmp_path / "c.csv"), "who")
    with pytest.raises(DataError, match=r"data\.user=customer_id$"):
        items(clicks(tmp_path / "d.csv", "customer_id,item,time"), "client")
    with pytest.raises(
        DataError, match=r"of the user .* and .* \"hour\" .*user=NAME .*time=hours$"
    ):
        items(clicks(tmp_path / "e.csv", "guest,item,hours"), None, None, "hour")


def log(path, header):
    rows = [(f"u{user}", f"i{(user * step) % 7}", step) for user in range(30) for step in range(8)]
    return clicks(path, header, rows=rows)


def test_a_plan_names_the_columns_that_it_found_and_takes_those_that_are_named(tmp_path):
    data = make_plan("mclrec", str(log(tmp_path / "c.csv", "customer,sku,ts")), []).recipe.data
    assert (data.name, data.user, data.item, data.time) == ("file", "customer", "sku", "ts")
    path = str(log(tmp_path / "odd.csv", "who,what,at"))
    with pytest.raises(DataError, match=r"data\.item=NAME"):
        make_plan("mclrec", path, ["data.user=who"])
    words = ["data.user=who", "data.item=what", "data.time=at"]
    assert make_plan("mclrec", path, words).recipe.data.time == "at"


def test_a_folder_of_recboles_is_its_one_table(tmp_path):
    header = "user_id:token\titem_id:token\ttimestamp:float"
    rows = [f"u{user}\ti{step % 7}\t{step}" for user in range(30) for step in range(8)]
    for name in ("ml.inter", "ml.item"):
        (tmp_path / name).write_text("\n".join([header, *rows]))
    data = make_plan("mclrec", str(tmp_path), []).recipe.data
    assert data.path == str(tmp_path / "ml.inter") and data.user is None
    (tmp_path / "other.inter").write_text(header)
    with pytest.raises(DataError, match=r"ml\.inter, other\.inter"):
        make_plan("mclrec", str(tmp_path), [])
