"""The forms of small data sets, for synthetic ones of them."""

IMAGES = {
    "channels": 1,
    "height": 20,
    "width": 20,
    "num_classes": 3,
    "num_names": 0,
    "splits": {name: {"rows": 300, "labelled": 300} for name in ("train", "test")},
    "map_classes": 0,
    "map_ignored": False,
    "instance_maps": False,
    "most_boxes": 0,
    "box_classes": 0,
    "samples": 300,
}
SESSIONS = {"users": 60, "items": 30, "actions": 600, "shortest": 5, "core": 1, "samples": 420}
