"""The demo's photographs: painted, dated and encoded from a seed; `make_library` in catalogue.py is the door.

Knows no Immich and no rule of pairing; no picture is copied from anywhere. HEIC is left out: there is no encoder
for it among the project's packages, only a decoder (pi-heif).
"""
