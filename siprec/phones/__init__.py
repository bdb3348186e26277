"""siprec.phones"""
