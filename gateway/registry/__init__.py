"""gateway.registry"""
