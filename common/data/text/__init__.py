"""Texts, one by one or in pairs, and their tokens."""

from common.data.modality import DataSet, Modality, Screen

MODALITY = Modality(
    title="sentences",
    module=("common.data.text.module:TextData", "common.data.text.config:TextConfig"),
    sets={
        "entries": DataSet(
            "common.data.text.readers.entries:own_entries",
            form="a dictionary (.txt with an entry, a tab and its definitions a line)",
            plan="common.data.text.own:plan_entries",
        ),
        "glossary": DataSet("common.data.text.readers.glossary:glossary", generated=True),
        "lines": DataSet(
            "common.data.text.readers.lines:own_lines",
            form="a text with a sentence a line (.txt)",
            plan="common.data.text.own:plan_lines",
        ),
        "pairs": DataSet(
            "common.data.text.readers.pairs:own_pairs",
            form="a table of pairs of texts (.csv, .tsv)",
            plan="common.data.text.own:plan_pairs",
        ),
        "stsb": DataSet("common.data.text.readers.stsb:stsb", target="number"),
        "stsb-open": DataSet("common.data.text.readers.pairs:stsb_open"),
        "wordnet": DataSet("common.data.text.readers.entries:wordnet"),
    },
    readers={
        "association-tests": "common.data.text.readers.word_tests:read_tests",
        "graded-texts": "common.data.text.readers.pairs:graded",
        "text": "common.data.text.readers.lines:read_texts",
    },
    recognise="common.data.text.own:recognise",
    screens=(
        Screen("stsb-open", "sts", "test/spearman"),
        Screen("glossary", "sts", "test/spearman"),
    ),
    hub_task="feature-extraction",
    known=("classes", "training classes", "scored pairs"),
)
