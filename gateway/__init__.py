"""Business texting of a simulated Webex Calling world: gateway, carriers, laboratory."""

__version__ = "0.1.0"
