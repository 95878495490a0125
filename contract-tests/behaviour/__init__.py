"""How Immich behaves, as its users and apps see it: one suite for the emulated server and for a live one."""
