"""siprec.providers"""
