"""Tables: a line of numbers is a sample."""

from common.data.modality import DataSet, Modality, Screen

MODALITY = Modality(
    title="tables",
    sets={
        "abalone": DataSet("common.data.tables.readers.files:abalone", target="number"),
        "airfoil": DataSet("common.data.tables.readers.files:packed", target="number"),
        "autompg": DataSet("common.data.tables.readers.files:packed", target="number"),
        "bike": DataSet("common.data.tables.readers.files:packed", target="number"),
        "concrete": DataSet("common.data.tables.readers.files:packed", target="number"),
        "diabetes": DataSet("common.data.tables.readers.files:diabetes", target="number"),
        "elevators": DataSet("common.data.tables.readers.files:packed", target="number"),
        "energy": DataSet("common.data.tables.readers.files:packed", target="number"),
        "gas": DataSet("common.data.tables.readers.files:packed", target="number"),
        "kin40k": DataSet("common.data.tables.readers.files:packed", target="number"),
        "kin8nm": DataSet("common.data.tables.readers.files:packed", target="number"),
        "naval": DataSet("common.data.tables.readers.files:packed", target="number"),
        "parkinsons": DataSet("common.data.tables.readers.files:packed", target="number"),
        "pol": DataSet("common.data.tables.readers.files:packed", target="number"),
        "power": DataSet("common.data.tables.readers.files:packed", target="number"),
        "protein": DataSet("common.data.tables.readers.files:packed", target="number"),
        "skillcraft": DataSet("common.data.tables.readers.files:packed", target="number"),
        "sml": DataSet("common.data.tables.readers.files:packed", target="number"),
        "table": DataSet(
            "common.data.tables.readers.files:own_table",
            target="number",
            form="a CSV of numbers with a column to predict",
            plan="common.data.targets.regression.own:plan_table",
        ),
        "wine-red": DataSet("common.data.tables.readers.files:packed", target="number"),
        "yacht": DataSet("common.data.tables.readers.files:packed", target="number"),
    },
    backbones={
        "mlp": "common.backbones.small_networks:MLP",
    },
    screens=(Screen("airfoil", "regression-probe", "test/mae"),),
)
