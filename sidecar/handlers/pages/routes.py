"""Every page, in the order of the navigation."""

from __future__ import annotations

from sidecar.handlers.pages import (
    activity,
    comparing,
    dismissed,
    duplicates,
    home,
    identical,
    photos,
    settings,
    status,
    suggestions,
    versions,
)
from sidecar.handlers.pages.page import Route

ROUTES: tuple[Route, ...] = (
    *home.ROUTES,
    *photos.ROUTES,
    *versions.ROUTES,
    *duplicates.ROUTES,
    *identical.ROUTES,
    *dismissed.ROUTES,
    *comparing.ROUTES,
    *suggestions.ROUTES,
    *activity.ROUTES,
    *status.ROUTES,
    *settings.ROUTES,
)
