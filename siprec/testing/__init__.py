"""siprec.testing"""
