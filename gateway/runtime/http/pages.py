"""Pages and files for browsers, served with the strictest policy they work under."""

import importlib.resources
from collections.abc import Mapping
from importlib.resources.abc import Traversable
from pathlib import Path

from aiohttp import web

from gateway.runtime.http.errors import ApiError
from gateway.runtime.http.routes import ApiRequest, Handler

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; "
    "font-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
"""Content security policy of every page: nothing from elsewhere, nothing inline, never in a frame."""

SECURITY_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": PAGE_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

CONTENT_TYPES: Mapping[str, str] = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
}


def file_response(path: Path, *, max_age_s: int = 0) -> web.StreamResponse:
    """A file with its media type and the security headers; revalidated each time unless ``max_age_s``."""
    cache = f"max-age={max_age_s}" if max_age_s else "no-cache"
    content_type = CONTENT_TYPES.get(path.suffix, "application/octet-stream")
    return web.FileResponse(
        path, headers={**SECURITY_HEADERS, "Cache-Control": cache, "Content-Type": content_type}
    )


def folder_handler(folder: Traversable | Path, *, parameter: str = "name", max_age_s: int = 0) -> Handler:
    """A handler that serves the files directly in ``folder``.

    The list is taken once, so no path can leave it.
    """
    root = Path(str(folder))
    files = {
        str(path.relative_to(root)): path for path in sorted(root.rglob("*")) if path.suffix in CONTENT_TYPES
    }

    async def serve(request: ApiRequest) -> web.StreamResponse:
        path = files.get(request.params[parameter])
        if path is None:
            raise ApiError(404, "not_found", "no such file")
        return file_response(path, max_age_s=max_age_s)

    return serve


def package_folder(package: str, folder: str) -> Path:
    """The folder of files that ship inside ``package``."""
    return Path(str(importlib.resources.files(package) / folder))
