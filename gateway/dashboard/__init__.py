"""gateway.dashboard"""
