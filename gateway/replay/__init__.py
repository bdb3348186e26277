"""gateway.replay"""
