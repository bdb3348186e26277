"""The audio set of simulated calls: see README.md beside it."""
