"""siprec.api"""
