"""The docs page: Swagger UI from the installed ``swagger_ui_bundle`` package, without the internet."""

from aiohttp import web
from swagger_ui_bundle import swagger_ui_path

from gateway.runtime.http.errors import ApiError
from gateway.runtime.http.pages import file_response, package_folder
from gateway.runtime.http.routes import ApiRequest, Routes

_OWN = package_folder("gateway.runtime.http", "assets")
_FILES = {
    "init.js": _OWN / "init.js",
    "docs.css": _OWN / "docs.css",
    "swagger-ui.css": swagger_ui_path / "swagger-ui.css",
    "swagger-ui-bundle.js": swagger_ui_path / "swagger-ui-bundle.js",
    "favicon-32x32.png": swagger_ui_path / "favicon-32x32.png",
}
_DAY_S = 86_400


def docs_routes() -> Routes:
    """``/docs`` and the files it loads."""
    routes = Routes("Service")

    @routes.get("/docs", public=True, hidden=True)
    async def page(_request: ApiRequest) -> web.StreamResponse:
        """The docs page."""
        return file_response(_OWN / "docs.html")

    @routes.get("/docs/{name}", public=True, hidden=True)
    async def asset(request: ApiRequest) -> web.StreamResponse:
        """A file of the docs page."""
        name = request.params["name"]
        if name not in _FILES:
            raise ApiError(404, "not_found", "no such file")
        return file_response(_FILES[name], max_age_s=_DAY_S if name.startswith("swagger") else 0)

    return routes
