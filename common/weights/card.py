"""Model cards: what weights are, how they were trained and measured, told from records."""

from collections.abc import Iterator, Sequence

from common.paper import Paper, get_paper
from common.results.groups import Group
from common.results.pages.document import (
    Block,
    Heading,
    Items,
    Paragraph,
    Table,
    Text,
    Verbatim,
    to_markdown,
)
from common.results.pages.formatting import (
    decimals_of,
    number,
    sample_text,
    seeds_text,
    short_metric,
    shown_metrics,
)
from common.results.record import Record
from common.weights.licences import licence_of

OWN_DATA = "The terms of these data are not known here: say them before you pass the weights on."
SMALL = (
    "The recipe is made for two CPU cores and a few minutes. Its weights are for trying the method "
    "out, and are not the paper's own."
)


def card_text(
    record: Record, use: Sequence[str], group: Group | None = None, compared: str | None = None
) -> str:
    """Returns the model card of the weights that the run of ``record`` trained, as Markdown.

    Args:
        record: The run's.
        use: Lines of commands and of Python that use the weights.
        group: The committed runs of the same setting, if there are any.
        compared: How the run's numbers compare with the committed record that it repeats, if any.
    """
    paper = get_paper(record.paper)
    blocks = [
        Heading(1, f"{record.reference}, seed {record.seed}"),
        Paragraph(_opening(paper, record)),
        *([Paragraph(SMALL)] if record.recipe == paper.default_recipe else []),
        Items(list(_facts(record, compared))),
        *_numbers(record, group),
        Heading(2, "Data and licence"),
        Paragraph(_terms(record)),
        Heading(2, "Use"),
        Paragraph(_fenced("\n".join(use))),
        Heading(2, "Cite"),
        Paragraph(_fenced(paper.bibtex.strip())),
    ]
    return to_markdown(blocks)


def _opening(paper: Paper, record: Record) -> str:
    method = f"the method of {paper.title} ({paper.authors}, {paper.venue} {paper.year})"
    what = method if record.arm == "method" else f"{record.arm}, an arm beside {method}"
    return f"Weights that Likewise trained by {what}."


def _facts(record: Record, compared: str | None) -> Iterator[Text]:
    """Yields how the weights were trained."""
    chosen = "the last ones" if record.selection == "last" else record.selection
    yield "recipe: ", Verbatim(record.reference), f", seed {record.seed}"
    yield f"training: {record.epochs} epochs, {record.batches} batches of {record.global_batch}"
    yield f"weights: {record.parameters:,} parameters; {chosen} of the training"
    yield "run ", Verbatim(record.run_id), ", configuration ", Verbatim(record.config_hash)
    yield "code ", Verbatim(record.code_digest), f", torch {record.versions.get('torch')}"
    if compared is not None:
        yield f"repeated: {compared}"


def _numbers(record: Record, group: Group | None) -> Iterator[Block]:
    """Yields what the run measured, beside what learns nothing and the other seeds."""
    if not record.metrics:
        return
    yield Heading(2, "Numbers")
    header = ["metric", "these weights", *record.references]
    if group is not None:
        header.append(f"{seeds_text(len(group.records))}, mean ± deviation")
    rows = []
    for metric in shown_metrics(record.metrics):
        value = record.metrics[metric]
        places = decimals_of(value or 0.0)
        row = [value, *(known.get(metric) for known in record.references.values())]
        cells: list[Text] = [short_metric(metric), *(number(each, places) for each in row)]
        rows.append([*cells, sample_text(group.sample(metric))] if group is not None else cells)
    yield Paragraph(
        f"The run that trained the weights measured them by {', '.join(record.protocols)} on "
        f"{record.data}; what stands beside them in their row was measured in the same run."
    )
    yield Table(header, rows)
    if group is not None and group.stale:
        yield Paragraph(
            f"The runs of all seeds are {group.stale}: the code has changed since they were made."
        )


def _terms(record: Record) -> Text:
    licence = licence_of(record.data)
    if licence is None:
        return f"Trained on data of its user's own (`{record.data}`). {OWN_DATA}"
    return f"Trained on {record.data}: {licence}."


def _fenced(text: str) -> str:
    return f"```\n{text}\n```"
