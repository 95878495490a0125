"""What Immich tells by itself, by webhooks and websockets, and where it comes in.

It believes nothing but that something happened; what became of it, jobs look up.
"""
