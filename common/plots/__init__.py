"""Images for people, drawn from a finished run; they watch and change nothing."""
