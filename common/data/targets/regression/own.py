"""Plans for tables with a number to predict, and for images or volumes with a number each."""

from common.own_data.csv_files import PATHS, Column, CsvFile, called
from common.own_data.csv_lines import COMMAS, SPLIT_WORDS, no_number, split_place
from common.own_data.draft import Draft, check_batch, fit_batch

MOST_VALUES = 20  # of a column of text that becomes columns of 0 and 1
UPDATES = 500
UPDATE = 0.03  # seconds, of a small network on a core
HELD = 0.1  # of a table, for the test


def plan_table(found: CsvFile, draft: Draft) -> None:
    """Plans what becomes of each column, and the scale of the label."""
    split = _split(found, draft)
    target = _target(found, draft, [split.name] if split else [], asked=True)
    _plan_columns(found, draft, target, split)
    _plan_scale(found, draft, target, split)


def plan_listed(found: CsvFile, draft: Draft) -> None:
    """Plans for files that a CSV lists with a number each."""
    form = found.forms[0]
    if form == "volume-table":
        draft.choose("method.backbone", "small_volume", "for volumes")
    else:
        draft.choose("data.size", 64, "pixels a side, for a CPU")
    why = "a regression on all pixels would take longer than the training"
    draft.choose("evaluation.references", ["untrained"], why)
    listed = [name.name for name in found.columns if name.name.lower() in ("path", "split")]
    _plan_scale(found, draft, _target(found, draft, listed), _split(found, draft))


def _split(found: CsvFile, draft: Draft) -> Column | None:
    """Returns the column that says what is tested, unless it is left out, or an input."""
    place = split_place([column.name for column in found.columns])
    column = None if place is None else found.columns[place]
    others = [*draft.get("data.categorical"), *draft.get("data.drop")]
    others.append(draft.words.get("data.target"))
    return None if column is None or column.name in others else column


def _target(found: CsvFile, draft: Draft, others: list[str], asked: bool = False) -> Column | None:
    """Returns the column to predict, which the user names if ``asked``, or if there are several."""
    numbers = [c for c in found.columns if c.numbers or c.odd]
    numbers = [c for c in numbers if c.name not in others and not c.is_index]
    name = draft.words.get("data.target")
    if name is None and len(numbers) == 1 and not asked:
        name = numbers[0].name
        draft.choose("data.target", name, "the only column of numbers")
    column = found.column(str(name))
    names = ", ".join(c.name for c in numbers[:8]) + (", ..." if len(numbers) > 8 else "")
    names = "; ".join(filter(None, [names or "none", found.commas]))
    if name is None:
        draft.refuse(f"data.target: name the column to predict, data.target=NAME, one of {names}")
    elif column is not None and column.odd is not None:
        draft.refuse(f"{no_number(found.path, column.name, *column.odd)}; take the line out")
    elif column is None or column.numbers is None:
        draft.refuse(
            f"data.target={name}: {found.path} has no such column of numbers; it has {names}"
        )
        return None
    elif column.constant:
        draft.refuse(f"data.target={name}: every line has the same value; name another column")
    return column


def _plan_columns(
    found: CsvFile, draft: Draft, target: Column | None, split: Column | None
) -> None:
    categorical: list[str] = []
    dropped: list[str] = []
    given = [
        *draft.get("data.categorical"),
        *draft.get("data.drop"),
        draft.words.get("data.target"),
        split.name if split else None,
    ]
    for column in found.columns:
        if column.name in given:
            continue
        if column.is_index:
            dropped.append(column.name)
        elif column.gap is not None:
            draft.refuse(
                f"{found.path}, line {column.gap}: column {column.name} is empty; fill it, or "
                f"leave the column out with data.drop=[{column.name}]"
            )
        elif column.odd is not None:
            name = column.name
            draft.refuse(
                f"{no_number(found.path, name, *column.odd)}; repair it, or say what it is: "
                f"data.categorical=[{name}] or data.drop=[{name}]"
            )
        elif column.has_commas:
            name = column.name
            draft.refuse(
                f"{found.path}: column {name} has commas in its numbers; {COMMAS}, or "
                f"data.drop=[{name}]"
            )
        elif column.numbers is None:
            fewer = 2 <= len(set(column.texts)) <= MOST_VALUES
            (categorical if fewer else dropped).append(column.name)
    out = {*dropped, *draft.get("data.drop"), *(one.name for one in (split, target) if one)}
    if not {column.name for column in found.columns} - out:
        files = called(dropped, PATHS)
        hint = f"; if {files[0]} names images, call the column path" if files else ""
        draft.refuse(f"{found.path}: there is no column to predict from, but dates and names{hint}")
    if categorical:
        why = f"columns of text with at most {MOST_VALUES} values, one column of 0 and 1 a value"
        draft.choose("data.categorical", [*draft.get("data.categorical"), *categorical], why)
    if dropped:
        why = "columns of dates, of lines' numbers, or of text that differs from line to line"
        draft.choose("data.drop", [*draft.get("data.drop"), *dropped], why)


def _plan_scale(found: CsvFile, draft: Draft, target: Column | None, split: Column | None) -> None:
    roles = [SPLIT_WORDS.get(text.lower()) for text in split.texts] if split else []
    train = roles.count("train") or found.rows * (1 - HELD)
    train = round(train if "val" in roles else train * (1 - draft.get("data.holdout")))
    draft.trained = train
    batch = fit_batch(train, draft.base.data.batch_size)
    draft.choose("data.batch_size", max(batch, 2), f"about {train:,} training samples")
    check_batch(draft, train, "training samples, about")
    if target is not None and target.numbers and not target.constant:
        spread = max(target.numbers) - min(target.numbers)
        window, step = (float(f"{spread / part:.1g}") for part in (8, 32))
        why = f"labels of {min(target.numbers):g} to {max(target.numbers):g}"
        draft.choose("method.window", window, f"an eighth of the range: {why}")
        draft.choose("method.label_step", step, "labels so close count as equal")
    batches = max(train // draft.get("data.batch_size"), 1)
    epochs = min(max(UPDATES // batches, 10), 200)
    draft.choose("trainer.epochs", epochs, f"of {batches} batches each")
    draft.seconds = UPDATE * batches * draft.get("trainer.epochs")
