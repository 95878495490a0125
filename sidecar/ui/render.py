"""Contexts to HTML through Jinja; every value is escaped and a name the context lacks is an error."""

from __future__ import annotations

from dataclasses import fields
from hashlib import sha256
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from sidecar.ui.contexts import HomePage

STATIC = Path(__file__).parent / "static"


def static_url(base_path: str, name: str) -> str:
    """Where a static file is served; the address changes with its content, so that browsers may keep it."""
    return f"{base_path}/static/{name}?v={sha256((STATIC / name).read_bytes()).hexdigest()[:12]}"


def _count(number: int) -> str:
    return f"{number:,}".replace(",", "\u202f")


_environment = Environment(
    loader=PackageLoader("sidecar.ui"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_environment.filters["count"] = _count
_environment.globals["static_url"] = static_url


def render(page: HomePage) -> str:
    """The page as HTML."""
    context = {field.name: getattr(page, field.name) for field in fields(page)}
    return _environment.get_template(page.template).render(context)
