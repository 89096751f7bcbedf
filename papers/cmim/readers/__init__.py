"""The digits that only cMIM needs."""
