"""Pages: a frozen context goes in, HTML comes out. Sees no request, no database and no Immich."""
