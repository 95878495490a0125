from __future__ import annotations

import re

import pytest

from sidecar.ui.render import STATIC, static_url
from tests.handlers.conftest import BASE, Household, Person

FILES = sorted(path.name for path in STATIC.iterdir())


@pytest.mark.parametrize("name", FILES)
async def test_browsers_keep_a_file_as_long_as_its_address_is_its_own(household: Household, name: str) -> None:
    answer = await household.client.get(static_url(BASE, name))
    assert (answer.status, await answer.read()) == (200, (STATIC / name).read_bytes())
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    for other in (f"{BASE}/static/{name}", f"{BASE}/static/{name}?v=", static_url(BASE, name) + "0"):
        answer = await household.client.get(other)
        assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-cache")
        again = await household.client.get(other, headers={"If-None-Match": answer.headers["ETag"]})
        assert again.status == 304


@pytest.mark.parametrize("name", ["nothing.css", "..%2Frender.py", "%2e%2e/render.py", "%00", ""])
async def test_there_is_nothing_else(household: Household, name: str) -> None:
    answer = await household.client.get(f"{BASE}/static/{name}")
    assert answer.status in {401, 404}
    assert b"import" not in await answer.read()


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".js")])
def test_scripts_import_what_is_there(name: str) -> None:
    text = (STATIC / name).read_text()
    for imported in re.findall(r'from "\./([^"]+)"', text):
        assert imported in FILES
    # Scripts make no HTML out of words, and load nothing from elsewhere.
    assert "http://" not in text
    assert "https://" not in text
    assert "eval(" not in text


async def test_scripts_and_styles_have_their_types(ann: Person) -> None:
    found = {}
    for name in ("base.css", "base.js", "sidecar.svg"):
        page = await ann.household.client.get(static_url(BASE, name))
        found[name] = page.content_type
    assert found == {"base.css": "text/css", "base.js": "text/javascript", "sidecar.svg": "image/svg+xml"}
