"""Immich sidecar: native stacks and duplicate review beside an unmodified Immich."""

__version__ = "0.1.0"
