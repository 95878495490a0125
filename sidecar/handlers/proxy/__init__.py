"""The way to Immich through the sidecar: streamed both ways, with what we know added. It knows no rule and no SQL."""

from sidecar.handlers.proxy.routes import add_proxy

__all__ = ["add_proxy"]
