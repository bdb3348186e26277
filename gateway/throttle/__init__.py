"""Throttling: exact reservations of segments over number, person, campaign, brand-day, carrier, organisation.

Start at `limiter` (the API), `limits` (limits as values) and `settings` (the configuration section).
"""
