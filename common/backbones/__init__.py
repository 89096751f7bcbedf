"""Encoders, named in `common.registry.BACKBONES`."""
