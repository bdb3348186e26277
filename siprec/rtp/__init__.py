"""siprec.rtp"""
