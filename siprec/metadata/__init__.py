"""siprec.metadata"""
