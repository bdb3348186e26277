"""gateway.smpp"""
