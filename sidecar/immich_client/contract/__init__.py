"""What we rely on of Immich's API, what a server says of its own, and what we leave alone because the two differ."""
