"""Where the source tree stands that this code was imported from."""

from pathlib import Path

# Holds papers/, common/ and, in a checkout, configs/, results/ and tests/.
SOURCE_ROOT = Path(__file__).resolve().parents[1]
