"""``/`` and the files of the page."""

from aiohttp import web

from gateway.runtime.http.pages import file_response, folder_handler, package_folder
from gateway.runtime.http.routes import ApiRequest, Routes

STATIC = package_folder("gateway.dashboard", "static")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "media-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Content security policy of the page, each source needed (`tests/browser/test_policy.py` measures it).

Its own modules, sheets, icon and API, and audio that was fetched with the token; no text becomes markup or
script."""


def dashboard_routes() -> Routes:
    """The routes of the page; ``build_app`` takes them like those of any part."""
    routes = Routes("Page")

    @routes.get("/", public=True, hidden=True)
    async def page(_request: ApiRequest) -> web.StreamResponse:
        """The page."""
        response = file_response(STATIC / "index.html")
        response.headers["Content-Security-Policy"] = POLICY
        return response

    serve = folder_handler(STATIC, parameter="path")
    routes.get("/page/{path:.+}", public=True, hidden=True, summary="A file of the page")(serve)
    return routes
