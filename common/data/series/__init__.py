"""Time series: long ones with sections and forecasts, short ones with classes."""

from common.data.modality import DataSet, Modality, Screen

MODALITY = Modality(
    title="time series",
    module=("common.data.series.module:SeriesData", "common.data.series.config:SeriesConfig"),
    sets={
        "acsf1": DataSet("common.data.series.readers.labelled:archived"),
        "arrow-head": DataSet("common.data.series.readers.labelled:archived"),
        "basic-motions": DataSet("common.data.series.readers.labelled:archived"),
        "cmapss-fd001": DataSet("common.data.series.readers.windows:cmapss_fd001", target="number"),
        "coffee": DataSet("common.data.series.readers.labelled:archived"),
        "csv": DataSet(
            "common.data.series.readers.files:own_csv",
            form="a CSV with a line a step and a column of dates",
            plan="common.data.series.own:plan_series",
        ),
        "electricity": DataSet("common.data.series.readers.files:published"),
        "etth1": DataSet("common.data.series.readers.files:published"),
        "etth2": DataSet("common.data.series.readers.files:published"),
        "ettm1": DataSet("common.data.series.readers.files:published"),
        "exchange-rate": DataSet("common.data.series.readers.files:exchange_rate"),
        "gun-point": DataSet("common.data.series.readers.labelled:archived"),
        "italy-power-demand": DataSet("common.data.series.readers.labelled:archived"),
        "japanese-vowels": DataSet("common.data.series.readers.labelled:archived"),
        "labelled": DataSet(
            "common.data.series.readers.labelled:own_labelled",
            form="short series with classes (.npz, NAME_TRAIN.ts)",
            plan="common.data.series.own:plan_labelled",
        ),
        "lora": DataSet("common.data.series.readers.files:published"),
        "osu-leaf": DataSet("common.data.series.readers.labelled:archived"),
        "pickup-gesture": DataSet("common.data.series.readers.labelled:archived"),
        "plaid": DataSet("common.data.series.readers.labelled:archived"),
        "trace": DataSet("common.data.series.readers.labelled:archived"),
        "wth": DataSet("common.data.series.readers.files:published"),
    },
    readers={
        "labelled-series": "common.data.series.readers.labelled:read_unlabelled",
        "series": "common.data.series.readers.own:read_own",
    },
    recognise="common.data.series.own:recognise",
    screens=(Screen("etth1", "forecasting", "test/mse"),),
    known=("classes", "training classes"),
)
