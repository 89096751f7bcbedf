"""Time series: forecasting from one long series, classification of many short ones."""
