"""Migrations of `gateway.carriers`."""
