"""What a bound of a setting asks, by the name that `common.settings.setting` gives it."""

import operator

HOLDS = {
    "above": operator.gt,
    "at_least": operator.ge,
    "below": operator.lt,
    "at_most": operator.le,
}
