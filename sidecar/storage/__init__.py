"""The sidecar's memory: every table, every line of SQL, every migration. Knows nothing of Immich's API, HTTP or jobs.

All calls name the owner whose rows they touch. Rows become frozen values before they leave this room.
"""
