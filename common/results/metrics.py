"""What a metric's name tells of it."""

import re

# Metrics of which less is better.
ERROR = re.compile(
    r"(^|[/_])(mse|mae|rmse|gm|fpe)(@\d+)?$|_leak$|gap_(separability|centroid_distance)$|reconstruction_error$"
)
# Metrics that do not say how good an encoder is.
BESIDE = re.compile(
    r"_std$|_train_|_chance$|effective_rank$|rankme$|heads_used$|uncertainty$|isotropy$|alignment$|uniformity(_\w+)?$"
    r"|^dimensions$|association_.*_(effect|p|p_holm)$"
    r"|tolerance(_eq11)?$|positive_similarity$|top_negative_\d+$"
)


def arrow(metric: str) -> str:
    """Returns which way a metric is better; nothing where it does not say how good one is."""
    if BESIDE.search(metric):
        return ""
    return " ↓" if ERROR.search(metric) else " ↑"
