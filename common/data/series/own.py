"""Plans for series: a CSV with a line a step, and short series with classes."""

from dataclasses import dataclass
from pathlib import Path

from common.data.catalogue.packers.arrays import read_arrays
from common.data.series.config import SeriesConfig
from common.errors import DataError, shown
from common.own_data.csv_files import CsvFile, spell
from common.own_data.csv_lines import no_number
from common.own_data.draft import Draft, check_batch, fit_batch

HORIZONS = (24, 48, 168, 336, 720)
ETT = {"date", "HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT"}
ETT_MONTHS = (12, 4, 4)
SHORTEST = 16  # steps of a section
# Seconds of an update on 32 sections of 129 steps, measured with the recipe `quick` on a core.
UPDATE, UPDATE_STEPS = 0.35, 32 * 129


def plan_series(found: CsvFile, draft: Draft) -> None:
    """Plans columns, dates, windows, sections and horizons for a series to forecast."""
    _plan_dates(found, draft)
    _plan_targets(found, draft)
    _plan_ett(found, draft)
    shares = draft.get("data.shares")
    rows = found.rows + (found.times.missing if found.times and draft.get("data.fill") else 0)
    parts = draft.get("data.parts") or [int(share * rows) for share in shares]
    if len(parts) != 3:
        return  # the configuration refuses them
    if sum(parts) > rows:
        draft.refuse(f"data.parts={parts}: {found.path} has {rows} lines; name as many or fewer")
        return
    if parts[0] < 4 * SHORTEST or min(parts) < 4:
        draft.refuse(f"{found.path}: {rows} lines are too few; at least 120 are needed")
        return
    _plan_lengths(draft, parts)
    _plan_horizons(found, draft, min(parts[1:]))
    kept = [name for name in draft.base.evaluation.protocols if name == "forecasting"]
    draft.choose("evaluation.protocols", kept or ["forecasting"], "what your file can answer")
    sections = parts[0] // draft.get("data.length")
    draft.trained = sections
    batch = max(min(sections, draft.base.data.batch_size), 2)
    draft.choose("data.batch_size", batch, f"there are {sections} training sections")
    check_batch(draft, sections, "training sections; a smaller data.length makes more")
    _plan_epochs(draft)
    draft.notes.append(
        "The untrained encoder forecasts many series as well as the trained one: compare the two "
        "columns at the end."
    )


def _plan_ett(found: CsvFile, draft: Draft) -> None:
    """Plans the split of ETT that everybody reports on, for a file that holds its columns."""
    hours = found.times.minutes / 60 if found.times else 0
    if {column.name for column in found.columns} != ETT or hours not in (1, 0.25):
        return
    parts = [round(months * 30 * 24 / hours) for months in ETT_MONTHS]
    if sum(parts) <= found.rows and "data.shares" not in draft.words:
        why = "the field's split of ETT: 12, 4 and 4 months of 30 days"
        draft.choose("data.parts", parts, why)


def _plan_dates(found: CsvFile, draft: Draft) -> None:
    times = found.times
    if "data.date" in draft.words:
        return
    if times is None:
        draft.choose("data.date", None, "no column of dates: lines are equally far apart")
        return
    draft.choose("data.date", times.name, f"{times.first} to {times.last}")
    if times.date_format is not None:
        draft.choose("data.date_format", times.date_format, "how the dates are written")
    filled = times.missing and draft.get("data.fill")
    if times.broken is not None and "data.step_minutes" not in draft.words and not filled:
        line, what = times.broken
        dates = found.column(times.name)
        if dates is not None and 2 * len(set(dates.texts)) <= len(dates.texts):
            draft.refuse(
                f"{found.path}, line {line}: {times.name} {what}, and most dates are there several "
                "times: give one series a file, or a line for each date and a column for each "
                "series"
            )
            return
        lacks = f"{times.missing:,} lines are missing, which data.fill=linear (or previous) adds"
        mend = lacks if times.missing else "sort or mend the lines"
        draft.refuse(
            f"{found.path}, line {line}: {times.name} {what}; {mend}, or data.date=null counts "
            "them as equally far"
        )


def _plan_targets(found: CsvFile, draft: Draft) -> None:
    asked = draft.words.get("data.targets")
    time = found.times.name if found.times else None
    columns = [c for c in found.columns if c.name != time and (not asked or c.name in asked)]
    unknown = {*asked} - {c.name for c in found.columns} if isinstance(asked, list) else ()
    if unknown:
        known = ", ".join(column.name for column in found.columns)
        lacks = ", ".join(sorted(map(str, unknown)))
        draft.refuse(f"data.targets: {found.path} has no column {lacks}; it has {known}")
        return
    numbers = [c for c in columns if asked or not (c.is_index or c.is_clock)]
    numbers = [c for c in numbers if c.numbers is not None or c.odd]
    kept = [column.name for column in numbers if not column.constant]
    whole = [column.name for column in numbers if not column.odd and not column.constant]
    mend = f", or leave it out: data.targets=[{','.join(whole)}]" if whole else ""
    if any(column.has_commas for column in columns):
        draft.refuse(f"{found.path}: {found.commas}{mend}")
    elif not kept:
        cells = [f"{c.name or 'no name'} holds {shown(c.texts[0])}" for c in columns if c.texts]
        told = f": {', '.join(cells[:4])}" if cells else ""
        draft.refuse(f"{found.path}: there is no column of numbers that change, with a name{told}")
    for column in numbers:
        if column.odd is not None and draft.get("data.fill") is None:
            wrong = no_number(found.path, column.name, *column.odd)
            draft.refuse(
                f"{wrong}, as {column.num_odd:,} of {found.rows:,} cells; repair it, fill it with "
                f"data.fill=linear (or previous){mend}"
            )
    left = [column.name or "''" for column in columns if column.name not in kept]
    why = "all columns of numbers"
    if left:
        told = ", ".join(left)
        why = f"left out, as text, times, constant or without a name: {told}"
    draft.choose("data.targets", kept if left else [], why)


def _plan_lengths(draft: Draft, parts: list[int]) -> None:
    base = draft.base.data
    length = min(base.length, max(parts[0] // 4, SHORTEST))
    draft.choose("data.length", length, f"{parts[0]:,} training steps make 4 sections or more")
    window = min(base.window, max(min(parts) // 2, 2))
    draft.choose("data.window", window, f"steps seen at once; the shortest part has {min(parts):,}")
    if draft.get("evaluation.forecasting.lags") > draft.get("data.window"):
        lags = draft.get("data.window")
        draft.choose("evaluation.forecasting.lags", lags, "no more than a window")


def _plan_horizons(found: CsvFile, draft: Draft, tested: int) -> None:
    fitting = [horizon for horizon in HORIZONS if horizon <= tested // 4] or [max(tested // 4, 1)]
    fitting = fitting[:2] if not draft.fixed else fitting
    why = f"a quarter of the {tested:,} steps that are tested, at most"
    if found.times is not None:
        spans = ", ".join(spell(horizon * found.times.minutes) for horizon in fitting)
        why = f"steps ahead: {spans}; {why}"
    draft.choose("evaluation.forecasting.horizons", fitting, why)


def _plan_epochs(draft: Draft) -> None:
    size = draft.get("data.batch_size")
    batches = max(draft.trained // size, 1)
    if batches > 1:
        epochs = max(draft.base.trainer.epochs // batches, 20)
        draft.choose("trainer.epochs", epochs, f"of {batches} batches each")
    updates = batches * draft.get("trainer.epochs")
    thirds = max(draft.get("trainer.epochs") // 3, 1)
    why = "a third of the training" if thirds > 1 else "a checkpoint an epoch"
    draft.choose("trainer.checkpoint_every_epochs", thirds, why)
    draft.seconds = UPDATE * updates * size * draft.get("data.length") / UPDATE_STEPS


@dataclass(frozen=True)
class LabelledFile:
    """Short series with classes: how many to train on, and steps of the longest."""

    path: Path
    num: int
    steps: int
    classes: int
    forms = ("labelled",)

    def describe(self) -> str:
        """Returns what was found, in words."""
        return (
            f"{self.num} training series of {self.classes} classes, of at most {self.steps} steps"
        )


def recognise(path: Path, kind: str) -> LabelledFile | None:
    """Returns short series with classes, if they are some.

    Raises:
        DataError: Missing or broken files and arrays.
    """
    if kind == "npz" and not {"x_train", "y_train"} <= set(names := read_arrays(path)):
        raise DataError(
            f"{path}: holds {', '.join(names)}; training reads x_train, y_train, x_test and y_test "
            "(series with classes); images are read from a folder"
        )
    return _read_labelled(path) if kind in ("npz", "ts") else None


def _read_labelled(path: Path) -> LabelledFile:
    """Reads the series as training does, for which it needs torch; raises `DataError`."""
    from common.data.series.readers.labelled import own_labelled  # here alone: it imports torch

    found = own_labelled(SeriesConfig(name="labelled", path=str(path)))
    filled = ~found.x["train"].isnan().all(2)
    steps = int(filled.any(0).nonzero().max()) + 1 if filled.any() else 0
    return LabelledFile(path, len(filled), steps, len(found.y["train"].unique()))


def plan_labelled(found: LabelledFile, draft: Draft) -> None:
    """Plans batch and length for short series with classes."""
    if found.classes < 2 or found.num < 2 or found.steps < SHORTEST:
        draft.refuse(
            f"{found.path}: {found.num} series, {found.classes} classes, {found.steps} steps; "
            f"2, 2 and {SHORTEST} are needed"
        )
        return
    draft.trained = found.num
    batch = fit_batch(found.num, draft.base.data.batch_size)
    draft.choose("data.batch_size", max(batch, 2), f"{found.num} training series")
    length = min(draft.base.data.length, found.steps)
    draft.choose("data.length", length, f"the longest series has {found.steps} steps")
    check_batch(draft, found.num, "training series")
    updates = found.num // draft.get("data.batch_size") * draft.get("trainer.epochs")
    steps = draft.get("data.batch_size") * draft.get("data.length")
    draft.seconds = 4 * UPDATE * updates * steps / UPDATE_STEPS
