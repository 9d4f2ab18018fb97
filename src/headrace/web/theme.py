"""The choice of colours: kept in a cookie, so that the first byte of a page knows it."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, post

from headrace.api.deps import TheServices
from headrace.api.errors import ApiError
from headrace.web.door import TheForm, local_path, redirect
from headrace.web.frame import THEME_COOKIE, THEMES, look_cookie


@post("/app/theme", include_in_schema=False, sync_to_thread=True)
def choose_theme(request: Request[Any, Any, Any], services: TheServices, form: TheForm) -> Response[str]:
    """Without script: keeps the choice and leads back to the page."""
    theme = form.get("theme")
    if theme not in THEMES:
        raise ApiError(422, "invalid", f"theme must be one of {', '.join(THEMES)}")
    cookie = look_cookie(request, services, THEME_COOKIE, theme)
    return redirect(local_path(services, form.get("back")), cookie)


HANDLERS = (choose_theme,)
