"""A number as the label of a sample of any kind."""

from common.data.modality import Target

TARGET = Target(
    title="samples with a number each",
    modalities=(
        "images",
        "series",
        "tables",
        "text",
        "volumes",
    ),
    module=(
        "common.data.targets.regression.module:RegressionData",
        "common.data.targets.regression.config:RegressionConfig",
    ),
    readers={
        "number": "common.data.targets.regression.readers.own:read_inputs",
    },
    known=("numbers",),
)
