"""Every typed key under which the web application keeps something; nothing else."""

from __future__ import annotations

from aiohttp import web

from sidecar.wiring import Services

SERVICES = web.AppKey("services", Services)
