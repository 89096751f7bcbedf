"""Encoders, named in `common.registry.BACKBONES`; `build.build_backbone` makes them."""
