"""Images of known and novel classes, labelled and not (open-world attribution)."""
