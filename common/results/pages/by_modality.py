"""A screen for each modality: all methods and baselines on one data set, and what to start from."""

from collections.abc import Iterator, Sequence
from statistics import median

from common.data.modality import Screen
from common.paper import get_paper
from common.results.claims import arms_of
from common.results.configuration import flat_config
from common.results.leaderboard import Leaderboard, is_drawn
from common.results.pages.document import (
    Block,
    Emphasis,
    Heading,
    Items,
    Link,
    Paragraph,
    Span,
    Table,
    Text,
    Verbatim,
    anchor,
    joined,
    marked,
)
from common.results.pages.formatting import (
    decimals_of,
    ends_text,
    number,
    sample_text,
    seeds_text,
    short_metric,
)
from common.results.pages.sections import LEARNING_REFERENCES
from common.results.record import Record
from common.results.screens import (
    MeasuredAlike,
    MeasuredArm,
    clearly_apart,
    less_is_better,
    measured,
    measured_again,
    one_budget,
    screens,
    sort_key,
)
from common.results.statistics import MIN_SEEDS, Sample, half_width

BY_MODALITY = "results/BY_MODALITY.md"
# What a training is, without its seed and without what is measured after it.
TRAINING = ("data", "method", "optimizer", "trainer")
# More names make no sentence.
MOST_NAMES = 3
INTRODUCTION = """\
`papers leaderboard` generates this page from the run records in `results/`. For each modality it
takes a data set that several papers share, and shows all methods and baselines of the project that
were measured there by one protocol with the same settings. Ablations are shown if their mean is
ahead of their method's."""
CAVEATS = """\
Lines can be compared where they saw equally many samples, or on action sequences where their
recipe gives them equally many updates of the encoder: each budget stands apart. *Training* gives
the batches and their size. *Clearly* means at least three seeds and a 95 % interval of the
difference (Welch's) that excludes 0. Views, optimizers and rates are those of each paper's
recipe, and not all were chosen in pilots. Most budgets are a small part of the papers' own, so
the order may change with longer training. The minutes are the median wall time of a run with its
evaluation, on two cores of machines that differed and were shared."""
START_HEADER = (
    *("data", "start with", "on your own data", "it scored", "not clearly worse"),
    "learns nothing",
)
HEADER = (
    *("setting", "{metric}", "labels", "samples seen", "training"),
    *("seeds", "minutes", "arm", "remark"),
)


def by_modality(board: Leaderboard, level: int = 1) -> Iterator[Block]:
    """Yields the page, its headings from ``level`` on; nothing where no data set has records."""
    found = [(one, tables) for one in screens() if (tables := measured(board, one[1]))]
    if found:
        yield Heading(level, "By modality")
        yield Paragraph(marked(INTRODUCTION))
        yield Paragraph(marked(CAVEATS))
    for (modality, screen), tables in found:
        yield Heading(level + 1, title(modality, screen))
        for table in tables:
            if len(tables) > 1:
                yield Paragraph(("Content ", Verbatim(table.data_hash[:8]), " of the data set:"))
            yield Paragraph(advice(board, table))
            yield _table(board, table)
            if again := [_again(board, lines) for lines in measured_again(table)]:
                yield Paragraph("Trained by several papers:")
                yield Items(again)


def where_to_start(board: Leaderboard, page: str) -> Iterator[Block]:
    """Yields a table with a line for each kind of data; ``page`` is where links lead.

    A kind has a line for its first set of real data, else for its first of generated data.
    """
    rows: dict[str, tuple[Text, ...]] = {}
    for generated in (False, True):
        for kind, screen in screens():
            found = measured(board, screen)
            if kind not in rows and found and is_drawn(screen.data) is generated:
                if cells := _start_cells(board, found[0], title(kind, screen), page):
                    rows[kind] = cells
    if rows:
        yield Heading(2, "Where to start")
        yield Table(START_HEADER, list(rows.values()))


def _start_cells(
    board: Leaderboard, table: MeasuredAlike, name: str, page: str
) -> tuple[Text, ...] | None:
    """Returns the best method or rival of the longest shared budget, and what it is best of."""
    lines = [line for line in table.main if line.group.latest.arm.partition("/")[0] != "ablation"]
    lines = [line for line in lines if not line.labels] or lines
    lines = [line for line in lines if line.sample.n >= MIN_SEEDS] or lines
    if not lines:
        return None
    near = [line for line in lines if not clearly_apart(lines[0].sample, line.sample)]
    # Of what is as good, what can be trained on data of the user's own.
    best = next((line for line in near if _on_own_data(line.group.latest)), lines[0])
    also = _listed([_name(board, line) for line in near if line is not best] or ["-"])
    return (
        joined(
            (Link(name, f"{page}#{anchor(name)}"),),
            ", generated" if is_drawn(table.screen.data) else ", real",
        ),
        _name(board, best),
        _on_own_data(best.group.latest) or "-",
        f"{sample_text(best.sample)} ({seeds_text(best.sample.n)})",
        also,
        _references_text(table, best.sample),
    )


def _on_own_data(record: Record) -> Text | None:
    """Returns the command that trains the arm on a user's data, None where there is none."""
    paper = get_paper(record.paper)
    known = arms_of(f"{paper.name}/{next(iter(paper.own_data.values()), paper.default_recipe)}")
    variants = next(iter(known.get(record.arm, [])), None)
    if variants is None:
        return None
    name = next(filter(None, variants), None) if None not in variants else None
    return (Verbatim(f"papers train {paper.name}{f':{name}' if name else ''} PATH"),)


def _references_text(table: MeasuredAlike, best: Sample) -> Text:
    """Returns what learns nothing, and what is fitted to the labels, with who is better."""
    shown: list[Text] = []
    for fitted in (False, True):
        found = [
            (name, sample)
            for name, sample in table.references.items()
            if (name in LEARNING_REFERENCES) is fitted
        ]
        for name, sample in found[:1]:
            what = ", fitted to the labels" if fitted else ""
            ahead = sort_key(sample, table.screen) < sort_key(best, table.screen)
            near = "" if clearly_apart(best, sample) else ": not clearly behind"
            stands = ": the better mean" if ahead else near
            shown.append(joined((Emphasis(name),), f" {sample_text(sample)}{what}{stands}"))
    return joined(*shown, between="; ") if shown else "-"


def title(modality: str, screen: Screen) -> str:
    """Returns the heading of a screen of ``modality``, in words."""
    less = ", less is better" if less_is_better(screen) else ""
    return f"{modality}: {screen.data}, {short_metric(screen.metric)}{less}"


def advice(board: Leaderboard, table: MeasuredAlike) -> Text:
    """Returns what the numbers say of the budget that most arms have, without labels and with."""
    lines = table.main
    pools = [[line for line in lines if line.labels is labels] for labels in (False, True)]
    sentences: list[Text] = [_best_of(board, pool) for pool in pools if pool]
    if lines and not table.screen.by_recipe and not one_budget(lines):
        sentences.insert(0, "Each arm has a budget of its own.")
    if lines and table.references:
        best = next(pool[0] for pool in pools if pool)
        sentences.append(_beside_reference(table, best.sample))
    if stale := sum(bool(line.group.stale) for line in table.lines):
        sentences.append(f"{stale} more may not hold for the present code and do not count.")
    if others := len(table.lines) - stale - len(lines):
        sentences.append(f"{others} more had other budgets and are not compared.")
    return joined(*sentences, between=" ")


def _best_of(board: Leaderboard, lines: list[MeasuredArm]) -> Text:
    """Returns a sentence on the best of ``lines`` and on what is not clearly behind it."""
    best, others = lines[0], lines[1:]
    epochs = ends_text(record.epochs for line in lines for record in line.group.records)
    kind = "with labels" if best.labels else "without labels"
    start = f"After {epochs} epoch{'s' * (epochs != '1')}{_size_of(lines)} {kind}, "
    name, value = _name(board, best), sample_text(best.sample)
    near = [line for line in others if not clearly_apart(best.sample, line.sample)]
    if not others:
        return joined(start, name, f" is the only arm: {value}.")
    if near:
        names = _listed([_name(board, line) for line in near])
        verb = "is" if len(near) == 1 else "are"
        ahead = f" has the best mean, {value}, and "
        return joined(start, name, ahead, names, f" {verb} not clearly behind.")
    ahead = f" is best, {value}, clearly {_gap(best, others[0])} ahead of "
    return joined(start, name, ahead, _name(board, others[0]), ".")


def _size_of(lines: list[MeasuredArm]) -> str:
    """Returns how many samples an epoch has, in words; nothing where a batch is the whole set."""
    records = [record for line in lines for record in line.group.records]
    sizes = [one.batches * one.global_batch / one.epochs for one in records if one.epochs]
    if not sizes or max(one.global_batch for one in records) == 1:
        return ""
    return f" of about {float(f'{median(sizes):.2g}'):,.0f} samples"


def _gap(best: MeasuredArm, other: MeasuredArm) -> str:
    one, two, places = best.sample, other.sample, decimals_of(best.sample.mean)
    width = number(half_width(one, two.spread, two.n), places)
    return f"by {number(abs(one.mean - two.mean), places)} (± {width})"


def _beside_reference(table: MeasuredAlike, best: Sample) -> Text:
    """Returns how ``best`` stands to the best encoder or rule that learns nothing."""
    name, reference = next(iter(table.references.items()))
    what = "is fitted to the labels" if name in LEARNING_REFERENCES else "learns nothing"
    clear = clearly_apart(best, reference)
    if sort_key(best, table.screen) < sort_key(reference, table.screen):
        stands = "" if clear else ", and is not clearly behind"
    else:
        stands = ", and is clearly ahead" if clear else ", the better mean"
    return joined((Emphasis(name),), f", which {what}, has {sample_text(reference)}{stands}.")


def _listed(names: Sequence[Text]) -> Text:
    shown = list(names) if len(names) <= MOST_NAMES else list(names[: MOST_NAMES - 1])
    if more := len(names) - len(shown):
        shown.append(f"{more} others")
    if len(shown) == 1:
        return shown[0]
    return joined(joined(*shown[:-1], between=", "), " and ", shown[-1])


def _name(board: Leaderboard, line: MeasuredArm) -> tuple[Span, ...]:
    """Returns what repeats the arm after `papers train`."""
    return (Verbatim(" ".join([_setting(board, line.group.latest), *line.group.changes])),)


def _setting(board: Leaderboard, record: Record) -> str:
    return f"{record.paper}/{board.name_of(record)}"


def _table(board: Leaderboard, table: MeasuredAlike) -> Table:
    rows = [_cells(board, line) for lines in table.budgets for line in lines]
    for name, sample in table.references.items():
        labels = "yes" if name in LEARNING_REFERENCES else "no"
        shown = (Emphasis(name),), sample_text(sample), labels, "-", "-", str(sample.n)
        rows.append((*shown, "-", "reference", ""))
    metric = short_metric(table.screen.metric)
    return Table([name.format(metric=metric) for name in HEADER], rows)


def _cells(board: Leaderboard, line: MeasuredArm) -> tuple[Text, ...]:
    group = line.group
    epochs, batches = (
        ends_text(counts, ",")
        for counts in zip(*((one.epochs, one.batches) for one in group.records), strict=True)
    )
    return (
        (Verbatim(_setting(board, group.latest)),),
        sample_text(line.sample),
        "yes" if line.labels else "no",
        ends_text((record.batches * record.global_batch for record in group.records), ","),
        f"{epochs} epoch{'s' * (epochs != '1')}, {batches} x {group.latest.global_batch:,}",
        str(line.sample.n),
        number(line.minutes, 1),
        group.latest.arm,
        "; ".join(remark for remark in (group.stale, group.scaled_remark) if remark),
    )


def _again(board: Leaderboard, lines: list[MeasuredArm]) -> Text:
    """Returns an arm's values in several papers, and which settings of the trainings differ."""
    values = [joined(_name(board, one), f" {sample_text(one.sample)}") for one in lines]
    found = [dict(_settings(line.group.latest)) for line in lines]
    shared = [key for key in found[0] if all(key in one for one in found)]
    differing = [
        joined((Verbatim(key),), f" ({', '.join(str(one[key]) for one in found)})")
        for key in shared
        if any(one[key] != found[0][key] for one in found)
    ]
    text = joined(*values, between=", ")
    if not differing:
        return joined(text, ": the settings are the same.")
    return joined(text, ": they differ in ", joined(*differing, between=", "), ".")


def _settings(record: Record) -> Iterator[tuple[str, object]]:
    config = {part: values for part, values in (record.config or {}).items() if part in TRAINING}
    for key, value in flat_config(config):
        if isinstance(value, list) and value and isinstance(value[0], dict):
            for place, item in enumerate(value):
                yield from flat_config(item, f"{key}.{place}.")
        else:
            yield key, value
