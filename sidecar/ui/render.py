"""Contexts to HTML through Jinja; every value is escaped and a name the context lacks is an error."""

from __future__ import annotations

from dataclasses import fields
from functools import cache, lru_cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from sidecar.ui import formats
from sidecar.ui.contexts.frame import Frame, Page
from sidecar.ui.translations import Language

STATIC = Path(__file__).parent / "static"
_ENVIRONMENTS = 16
"""So many languages with their regions are kept ready; strangers choose which they ask for."""


def render(page: Page, language: Language, *, is_fragment: bool = False) -> str:
    """The page as HTML, or the part of it that scripts ask for."""
    template = _environment(language).get_template(page.fragment if is_fragment else page.template)
    return template.render({field.name: getattr(page, field.name) for field in fields(page)})  # type: ignore[arg-type]


def static_url(base_path: str, name: str) -> str:
    """Where a static file is served; the address changes with its content, so that browsers may keep it."""
    return f"{base_path}/static/{name}?v={static_digest(name)}"


@cache
def static_digest(name: str) -> str:
    """The beginning of a static file's SHA-256."""
    return sha256((STATIC / name).read_bytes()).hexdigest()[:12]


@lru_cache(maxsize=_ENVIRONMENTS)
def _environment(language: Language) -> Environment:
    environment = Environment(
        loader=PackageLoader("sidecar.ui"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    installed: Any = environment
    installed.install_gettext_translations(language.texts, newstyle=True)
    for name in ("count", "file_size", "share", "day", "moment"):
        environment.filters[name] = partial(getattr(formats, name), language=language)
    environment.filters["iso"] = formats.iso
    environment.filters["duration"] = formats.duration
    environment.globals.update(
        language=language.tag, link=_link, static=_static, immich=_immich, thumbnail=_thumbnail, original=_original
    )
    return environment


def _frame(context: Context) -> Frame:
    frame = context["frame"]
    assert isinstance(frame, Frame)  # noqa: S101  # every page has one
    return frame


@pass_context
def _link(context: Context, path: str) -> str:
    """One of our own pages, by its path below the base path."""
    return f"{_frame(context).base_path}{path}"


@pass_context
def _static(context: Context, name: str) -> str:
    return static_url(_frame(context).base_path, name)


@pass_context
def _immich(context: Context, path: str) -> str:
    """A page of Immich's."""
    return f"{_frame(context).immich_url}{path}"


@pass_context
def _thumbnail(context: Context, asset_id: str, size: str = "thumbnail") -> str:
    """A picture of an asset, with the visitor's own sign-in; size is Immich's thumbnail or preview."""
    return f"{_frame(context).base_path}/api/immich/assets/{quote(asset_id, safe='')}/thumbnail?size={size}"


@pass_context
def _original(context: Context, asset_id: str) -> str:
    """The file itself."""
    return f"{_frame(context).base_path}/api/immich/assets/{quote(asset_id, safe='')}/original"
