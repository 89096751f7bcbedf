"""Images, and files of images that are opened when a batch needs them."""

from common.data.modality import DataSet, Modality, Screen

MODALITY = Modality(
    title="images",
    module=("common.data.images.module:ImageData", "common.data.images.config:ImageConfig"),
    sets={
        "agedb": DataSet("common.data.images.readers.numbered:agedb", target="number"),
        "bccd": DataSet("common.data.images.readers.dense:bccd", may_lack_labels=True),
        "caltech101": DataSet("common.data.images.readers.packed_sets:caltech101"),
        "camvid": DataSet("common.data.images.readers.dense:camvid", may_lack_labels=True),
        "cifar10": DataSet("common.data.images.readers.cifar_stl:cifar10"),
        "cifar10-jpeg": DataSet("common.data.images.readers.packed_sets:cifar10_jpeg"),
        "cifar100": DataSet("common.data.images.readers.cifar_stl:cifar100"),
        "coco": DataSet("common.data.images.readers.box_files:coco", may_lack_labels=True),
        "faces-att": DataSet("common.data.images.readers.packed_sets:faces_att"),
        "faces-caltech": DataSet(
            "common.data.images.readers.packed_sets:faces_caltech", may_lack_labels=True
        ),
        "fashion-mnist": DataSet("common.data.images.readers.packed_sets:fashion_mnist"),
        "fashion-mnist-full": DataSet("common.data.images.readers.packed_sets:fashion_mnist_full"),
        "image-folder": DataSet(
            "common.data.images.readers.files:image_folder",
            may_lack_labels=True,
            form="a folder of images",
            plan="common.data.images.own:plan_images",
        ),
        "image-table": DataSet(
            "common.data.images.readers.numbered:own_images",
            target="number",
            form="a CSV of images with a number each",
            plan="common.data.targets.regression.own:plan_listed",
        ),
        "imagenet": DataSet("common.data.images.readers.files:imagenet"),
        "imagenet100": DataSet("common.data.images.readers.files:imagenet100"),
        "imdb-wiki": DataSet("common.data.images.readers.numbered:imdb_wiki", target="number"),
        "nuclei": DataSet("common.data.images.readers.dense:nuclei", may_lack_labels=True),
        "ow-dfa": DataSet(
            "common.data.targets.open_world.readers.tables:ow_dfa",
            target="known-and-novel classes",
            verify="common.data.targets.open_world.readers.tables:verify",
            form="a table of known and novel classes in the form of OW-DFA",
            plan="common.data.targets.open_world.own:plan_open_world",
        ),
        "scattered-digits": DataSet(
            "common.data.images.readers.digits:scattered_digits", generated=True
        ),
        "stl10": DataSet("common.data.images.readers.cifar_stl:stl10"),
        "tiny-imagenet": DataSet("common.data.images.readers.packed_sets:tiny_imagenet"),
        "voc": DataSet("common.data.images.readers.box_files:voc", may_lack_labels=True),
    },
    readers={
        "image-files": "common.data.images.readers.files:own_folder",
        "image-list": "common.data.images.readers.files:read_list",
        "images": "common.data.images.readers.own:read_own",
        "readable-images": "common.data.images.readers.unreadable:keep_readable",
    },
    backbones={
        "resnet18": "common.backbones.resnet:resnet18",
        "resnet18_gn": "common.backbones.resnet:resnet18_gn",
        "resnet50": "common.backbones.resnet:resnet50",
        "resnet50_gn": "common.backbones.resnet:resnet50_gn",
        "small_conv": "common.backbones.small_networks:SmallConv",
        "small_resnet": "common.backbones.resnet:small_resnet",
        "small_resnet_gn": "common.backbones.resnet:small_resnet_gn",
        "tiny_conv": "common.backbones.small_networks:TinyConv",
        "vit_base": "common.backbones.vit:vit_base",
        "vit_small": "common.backbones.vit:vit_small",
        "vit_tiny": "common.backbones.vit:vit_tiny",
    },
    recognise="common.data.images.own:recognise",
    screens=(
        Screen("cifar10-jpeg", "linear", "test/linear_top1"),
        Screen("scattered-digits", "linear", "test/linear_top1"),
    ),
    plots="common.plots.images:draw_images",
    hub_task="image-feature-extraction",
    known=("classes", "training classes"),
)
