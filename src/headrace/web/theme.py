"""The choice of colours: kept in a cookie, so that the first byte of a page knows it."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, post
from litestar.datastructures import Cookie

from headrace.api.deps import TheServices
from headrace.api.errors import ApiError
from headrace.web.door import COOKIE_MAX_AGE, TheForm, local_path, redirect
from headrace.web.frame import THEME_COOKIE, THEMES


@post("/app/theme", include_in_schema=False, sync_to_thread=True)
def choose_theme(request: Request[Any, Any, Any], services: TheServices, form: TheForm) -> Response[str]:
    """Without script: keeps the choice and leads back to the page."""
    theme = form.get("theme")
    if theme not in THEMES:
        raise ApiError(422, "invalid", f"theme must be one of {', '.join(THEMES)}")
    cookie = Cookie(
        THEME_COOKIE,
        value=theme,
        path=f"{services.path_prefix}/",
        max_age=COOKIE_MAX_AGE,
        samesite="lax",
        secure=request.scope["scheme"] == "https",
    )
    return redirect(local_path(services, form.get("back")), cookie)


HANDLERS = (choose_theme,)
