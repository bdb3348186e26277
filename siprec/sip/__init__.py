"""siprec.sip"""
