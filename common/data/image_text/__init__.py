"""Images with texts that describe them."""

from common.data.modality import DataSet, Modality, Screen

MODALITY = Modality(
    title="images with texts",
    module=(
        "common.data.image_text.module:ImageTextData",
        "common.data.image_text.config:ImageTextConfig",
    ),
    sets={
        "caption-shards": DataSet(
            "common.data.image_text.readers.shards:caption_shards",
            form="a folder of tar shards with captions",
            plan="common.data.image_text.own:plan_shards",
        ),
        "caption-table": DataSet(
            "common.data.image_text.readers.table:caption_table",
            form="a table of images and captions (.csv, .tsv)",
            plan="common.data.image_text.own:plan_table",
        ),
        "coco-captions": DataSet(
            "common.data.image_text.readers.coco:coco_captions",
            form="captions in COCO's JSON",
            plan="common.data.image_text.own:plan_coco",
        ),
        "relations": DataSet("common.data.image_text.readers.relations:relations", generated=True),
    },
    readers={
        "class-descriptions": "common.data.image_text.readers.beside:read_descriptions",
        "class-differences": "common.data.image_text.readers.beside:read_differences",
        "synonyms": "common.data.image_text.readers.beside:read_synonyms",
        "zero-shot-classes": "common.data.image_text.readers.beside:with_classes",
    },
    backbones={
        "text_bag": "common.backbones.text_towers:TextBag",
        "text_transformer": "common.backbones.text_towers:TextTransformer",
    },
    recognise="common.data.image_text.own:recognise",
    screens=(Screen("relations", "image-text-retrieval", "test/image_to_text_r1"),),
    known=("classes", "training classes", "partners"),
)
