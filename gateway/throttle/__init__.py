"""gateway.throttle"""
