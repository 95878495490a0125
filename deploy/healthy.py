"""Exits with 0 if the sidecar of this container answers; the image has no other program that could ask."""

import os
import sys
from http import HTTPStatus
from urllib.request import urlopen

base_path = "/" + (os.environ.get("SIDECAR_BASE_PATH") or "/sidecar").strip("/")
port = os.environ.get("SIDECAR_PORT") or "8080"
try:
    with urlopen(f"http://127.0.0.1:{port}{base_path}/health", timeout=5) as answer:
        sys.exit(answer.status != HTTPStatus.OK)
except OSError as error:
    sys.exit(f"the sidecar does not answer: {error}")
