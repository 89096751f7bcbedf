"""Volumes: a sample is a block of voxels."""

from common.data.modality import DataSet, Modality

MODALITY = Modality(
    title="volumes",
    sets={
        "volume-table": DataSet(
            "common.data.volumes.readers.files:own_volumes",
            target="number",
            form="a CSV of volumes with a number each",
            plan="common.data.targets.regression.own:plan_listed",
        ),
    },
    backbones={
        "small_volume": "common.backbones.small_networks:SmallVolume",
    },
)
