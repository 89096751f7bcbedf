"""Sequences of items that users acted on."""

from common.data.modality import DataSet, Modality, Screen

MODALITY = Modality(
    title="action sequences",
    module=(
        "common.data.sequences.module:SequenceData",
        "common.data.sequences.config:SequenceConfig",
    ),
    sets={
        "beauty": DataSet("common.data.sequences.readers.sets:packed"),
        "file": DataSet(
            "common.data.sequences.readers.sets:own_file",
            form="a log of actions (.csv or .parquet of clicks, .inter, .txt with a user a line)",
            plan="common.data.sequences.own:plan_actions",
        ),
        "ml-latest-small": DataSet("common.data.sequences.readers.sets:movielens"),
        "sports": DataSet("common.data.sequences.readers.sets:packed"),
        "toys": DataSet("common.data.sequences.readers.sets:packed"),
        "yelp": DataSet("common.data.sequences.readers.sets:packed"),
    },
    readers={
        "sequences": "common.data.sequences.readers.own:read_own",
    },
    recognise="common.data.sequences.own:recognise",
    screens=(Screen("beauty", "ranking", "test/ndcg@20", by_recipe=True),),
)
