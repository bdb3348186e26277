"""siprec.srs"""
