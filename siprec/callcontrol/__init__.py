"""siprec.callcontrol"""
