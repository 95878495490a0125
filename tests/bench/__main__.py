"""`make bench`: every figure that we claim, measured here and now. Quote ratios: machines are noisy."""

from __future__ import annotations

from tests.bench import pairing, scanning

if __name__ == "__main__":
    pairing.main()
    scanning.main()
