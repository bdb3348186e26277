"""Webhooks: events posted over HTTP, signed, repeated, dead-lettered in the end.

`Webhooks` is the part to run; `queue`, `wire` and `selection` are its pure cores, `client` its sockets.
"""

from gateway.messages.webhooks.service import Finished, TooManyWebhooks, Webhooks
from gateway.messages.webhooks.settings import WebhooksSettings
from gateway.messages.webhooks.store import Webhook, metadata

__all__ = ["Finished", "TooManyWebhooks", "Webhook", "Webhooks", "WebhooksSettings", "metadata"]
