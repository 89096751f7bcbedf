"""Losses shared by two or more papers: pure functions, float32 or wider inside."""

from common.losses.barlow import barlow_twins
from common.losses.consistency import negative_cosine, simsiam
from common.losses.infonce import nt_xent, queue_info_nce
from common.losses.supcon import class_contrast, supcon

__all__ = [
    "barlow_twins",
    "class_contrast",
    "negative_cosine",
    "nt_xent",
    "queue_info_nce",
    "simsiam",
    "supcon",
]
