"""The page at ``/``: a client of the public API and ``/v1/stream``, nothing else.

Plain HTML, CSS and ES modules in ``static``; no build step, nothing from elsewhere, nothing inline.
"""

from gateway.dashboard.routes import dashboard_routes

__all__ = ["dashboard_routes"]
