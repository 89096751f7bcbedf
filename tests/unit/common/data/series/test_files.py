import gzip

import pytest
import torch

from common.data.catalogue.root import data_root
from common.data.series.config import SeriesConfig
from common.data.series.readers.files import LORA, exchange_rate, own_csv, published, read_series
from common.errors import DataError

HOURS = [f"2020-02-{28 + h // 24:02d} {h % 24:02d}:00:00,{h},{h * h}" for h in range(40)]


def write(path, lines=HOURS, header="date,load,OT"):
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def test_a_csv_is_read_in_order_with_its_dates(tmp_path):
    found = read_series(write(tmp_path / "mine.csv"), "date")
    assert found.columns == ("load", "OT") and found.values.dtype == torch.float64
    assert found.values[:, 1].tolist() == [float(h * h) for h in range(40)]
    assert found.dates[24].isoformat() == "2020-02-29T00:00:00"
    packed = tmp_path / "mine.csv.gz"
    packed.write_bytes(gzip.compress((tmp_path / "mine.csv").read_bytes()))
    chosen = read_series(packed, None, columns=["OT"])
    assert chosen.dates is None and torch.equal(chosen.values, found.values[:, 1:])


def changed(number, text):
    """Returns the lines with line ``number`` of the file (the header is 1) replaced."""
    return [text if place == number else line for place, line in enumerate(HOURS, 2)]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (changed(5, "2020-02-28 03:00:00,,9"), "line 5.*'load'"),
        (changed(7, "2020-02-28 05:00:00,5,?"), r"line 7.*'OT'.*\?"),
        (changed(7, "2020-02-28 05:00:00,5,nan"), "line 7.*'OT'.*nan"),
        (changed(4, "2020-02-28 01:00:00,2,4"), "line 4: 2020-02-28 01:00:00 is not after"),
        (changed(9, "2020-02-27 07:00:00,7,49"), "line 9.*2020-02-27 07:00:00"),
        (changed(3, "28.02.2020 01:00,1,1"), "line 3.*'28.02.2020 01:00'.*ISO 8601"),
        ([*HOURS[:9], *HOURS[10:]], "line 11.*120.*60"),
        ([*HOURS[:4], HOURS[5], HOURS[4], *HOURS[6:]], "line 6.*120.*60"),
        (
            changed(6, "2020-02-28 04:00:00+01:00,4,16"),
            r"line 6.*2020-02-28 04:00:00\+01:00",
        ),
        (changed(6, "2020-02-28 04:00:00,4"), "line 6.*2.*3"),
    ],
)
def test_what_is_broken_is_named_with_its_line(lines, message, tmp_path):
    path = write(tmp_path / "mine.csv", lines)
    with pytest.raises(DataError, match=message) as error:
        read_series(path, "date")
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("fill", "filled"),
    [("linear", [2, 2, 2, 3, 4, 5, 5]), ("previous", [2, 2, 2, 2, 2, 5, 5])],
)
def test_gaps_are_filled_and_counted(fill, filled, tmp_path):
    cells = ["", "NaN", "2", "", "n/a", "5", "?"]
    path = write(tmp_path / "mine.csv", [f"{cell},7" for cell in cells], "load,OT")
    with pytest.warns(UserWarning, match=rf"mine\.csv: data\.fill={fill} fills 5 of 14 cells"):
        found = read_series(path, None, fill=fill)
    assert found.values.T.tolist() == [filled, [7] * 7]


@pytest.mark.parametrize(("cell", "line"), [("oops", 9), ("inf", 9), ("", None)])
def test_what_is_no_gap_is_not_filled(cell, line, tmp_path):
    cells = ["", "2", "", "4", "", "6", "", cell] if line else [cell] * 8
    path = write(tmp_path / "mine.csv", [f"{cell},7" for cell in cells], "load,OT")
    with pytest.raises(DataError, match=f"line {line}: column 'load'" if line else "holds no num"):
        read_series(path, None, fill="linear")


def test_the_step_and_the_form_of_dates_can_be_given(tmp_path):
    path = write(tmp_path / "mine.csv")
    with pytest.raises(DataError, match=r"line 3.*60.*15"):
        read_series(path, "date", step_minutes=15)
    other = write(tmp_path / "other.csv", [f"{m}/1/2020 0:00,{m}" for m in (1, 2, 3)], "date,x")
    with pytest.raises(DataError, match=r"line 4.*44640"):  # two months are not equally long
        read_series(other, "date", "%m/%d/%Y %H:%M", 44_640)


def test_months_are_read_without_dates(tmp_path):
    path = write(tmp_path / "months.csv", [f"2020-{m:02d}-01,{m}" for m in range(1, 11)], "date,x")
    with pytest.raises(DataError, match=r"line 4.*data\.date=null"):
        own_csv(SeriesConfig(name="csv", path=str(path)))
    found = own_csv(SeriesConfig(name="csv", path=str(path), date=None, targets=["x"]))
    assert found.dates is None and found.values[:, 0].tolist() == list(range(1, 11))


def test_time_zones_may_change_if_every_date_has_one(tmp_path):
    zones = ["2020-03-29 01:00+01:00,1", "2020-03-29 03:00+02:00,2", "2020-03-29 04:00+02:00,3"]
    found = read_series(write(tmp_path / "mine.csv", zones, "date,x"), "date")
    assert [date.hour for date in found.dates] == [1, 3, 4]


def test_columns_that_are_missing_are_named(tmp_path):
    path = write(tmp_path / "mine.csv")
    with pytest.raises(DataError, match=r"'laod'.*'load'"):
        read_series(path, "date", columns=["laod"])
    with pytest.raises(DataError, match=r"data\.date=day.*null"):
        read_series(path, "day")
    with pytest.raises(DataError, match="no columns beside the dates"):
        read_series(write(tmp_path / "bare.csv", [h.split(",")[0] for h in HOURS], "date"), "date")


def test_own_shares_are_cut_in_order(tmp_path):
    path = write(tmp_path / "mine.csv")
    config = SeriesConfig(name="csv", path=str(path), shares=[0.5, 0.25, 0.25], targets=["OT"])
    found = own_csv(config)
    assert found.parts == ((0, 20), (20, 30), (30, 40)) and found.columns == ("OT",)


def stored(relative):
    if not (data_root() / relative).is_file():
        pytest.skip(f"{relative} is not in the data root (LIKEWISE_DATA)")


def test_ett_has_its_official_split():
    stored("timeseries/ett/ETTh1.csv.gz")
    found = published(SeriesConfig(name="etth1"))
    assert found.parts == ((0, 8640), (8640, 11520), (11520, 14400))
    assert found.values.shape == (14_400, 7) and found.columns[-1] == "OT"
    assert len(found.dates) == 14_400


def test_weather_and_exchange_rates_are_split_by_shares():
    stored("timeseries/weather_wth/WTH.csv.gz")
    found = published(SeriesConfig(name="wth"))
    assert found.values.shape == (35_064, 12) and found.parts[0] == (0, 21_038)
    assert found.dates[1].isoformat() == "2010-01-01T01:00:00"
    rates = exchange_rate(SeriesConfig(name="exchange-rate"))
    assert rates.values.shape == (7_588, 8) and rates.dates is None


@pytest.mark.parametrize(("cell", "message"), [("nan", "line 3"), ("x", "no.* table")])
def test_exchange_rates_that_are_no_numbers_are_named(cell, message, tmp_path):
    path = tmp_path / "timeseries/exchange_rate/exchange_rate.txt.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(gzip.compress(f"1,2\n\n3,{cell}\n".encode()))
    with pytest.raises(DataError, match=message):
        exchange_rate(SeriesConfig(name="exchange-rate", root=str(tmp_path)))


def test_a_short_published_file_is_refused(tmp_path):
    folder = tmp_path / "timeseries" / "ett"
    folder.mkdir(parents=True)
    text = "\n".join(["date,OT", *[h.rsplit(",", 1)[0] for h in HOURS]])
    (folder / "ETTh1.csv.gz").write_bytes(gzip.compress(text.encode()))
    with pytest.raises(DataError, match="40 steps, but its split has 14400"):
        published(SeriesConfig(name="etth1", root=str(tmp_path)))
    with pytest.raises(DataError, match=r"ETTh2\.csv\.gz"):
        published(SeriesConfig(name="etth2", root=str(tmp_path)))


def test_lora_is_read_by_its_published_columns_and_says_where_it_comes_from(tmp_path):
    config = SeriesConfig(name="lora", root=str(tmp_path))
    with pytest.raises(DataError, match="timeseries/"):
        published(config)
    folder = tmp_path / "timeseries" / "lora"
    folder.mkdir(parents=True)
    header = ",".join(["time", "site", *reversed(LORA)])
    zeros, rest = ",".join(8 * "0"), ",".join(str(5 * place) for place in range(8))
    rows = [f"2021-01-01 00:00:00,here,{zeros}", f"2021-01-01 00:05:00,here,{rest}"]
    (folder / "lora-all.csv.gz").write_bytes(gzip.compress("\n".join([header, *rows]).encode()))
    found = published(config)
    assert found.columns[0] == "gw1-lp-RSSI2" and found.columns == LORA
    assert found.values[1].tolist() == [35.0, 30, 25, 20, 15, 10, 5, 0]
    assert found.dates[1].minute == 5


def test_lines_that_are_missing_are_added_where_gaps_are_filled(tmp_path):
    rows = ["2020-01-01 00:00,0", "2020-01-01 01:00,1", "2020-01-01 04:00,4", "2020-01-01 05:00,"]
    path = write(tmp_path / "mine.csv", rows, "date,x")
    with pytest.raises(DataError, match="line 4"):
        read_series(path, "date")
    with pytest.warns(UserWarning, match="fills 3 of 6 cells"):
        found = read_series(path, "date", fill="previous")
    assert found.values[:, 0].tolist() == [0, 1, 1, 1, 4, 4]
    assert [date.hour for date in found.dates] == list(range(6))
    for odd in ("2020-01-01 04:30,4", "2020-01-01 00:30,4", "2021-01-01 04:00,4"):
        broken = write(tmp_path / "odd.csv", [*rows[:2], odd], "date,x")
        with pytest.raises(DataError, match="line 4"):
            read_series(broken, "date", fill="linear")
