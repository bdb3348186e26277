"""The world's time over restarts: it goes on from where it was, and never back behind what is stored."""
