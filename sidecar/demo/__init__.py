"""Owns an emulated Immich and a generated photo library, for the demo and for every test that talks to a server.

Refuses to know how the sidecar works: it sees HTTP requests only, as Immich does.
"""
