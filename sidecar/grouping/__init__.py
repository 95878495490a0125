"""Which assets are versions of one picture, and what to do about it beside the stacks that exist.

Owns the rules of pairing and planning. Refuses to know Immich's wire, the database, the clock and who asks.
"""
