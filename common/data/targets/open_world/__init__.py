"""Known classes, of which some samples have labels, and novel ones without any."""

from common.data.modality import Target

TARGET = Target(
    title="images of known and novel classes",
    modalities=("images",),
    module=(
        "common.data.targets.open_world.module:OpenWorldData",
        "common.data.targets.open_world.config:OpenWorldConfig",
    ),
    readers={
        "known-and-novel classes": "common.data.targets.open_world.readers.tables:image_paths",
    },
    known=("classes",),
)
