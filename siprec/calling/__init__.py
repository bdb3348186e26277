"""Whole simulated calls for `siprec call` and the API: scenarios with real phones, plain forked calls."""
