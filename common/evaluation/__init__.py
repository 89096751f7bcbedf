"""Evaluation protocols: functions that return `{metric: value}`."""
