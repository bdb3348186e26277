"""``/`` and the files of the page."""

from aiohttp import web

from gateway.runtime.http.pages import file_response, folder_handler, package_folder
from gateway.runtime.http.routes import ApiRequest, Routes

STATIC = package_folder("gateway.dashboard", "static")


def dashboard_routes() -> Routes:
    """The routes of the page; ``build_app`` takes them like those of any part."""
    routes = Routes("Page")

    @routes.get("/", public=True, hidden=True)
    async def page(_request: ApiRequest) -> web.StreamResponse:
        """The page."""
        return file_response(STATIC / "index.html")

    serve = folder_handler(STATIC, parameter="path")
    routes.get("/page/{path:.+}", public=True, hidden=True, summary="A file of the page")(serve)
    return routes
