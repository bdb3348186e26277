"""Benchmarks beside peers, load profiles and third-party scenarios; nothing here is part of the product."""
