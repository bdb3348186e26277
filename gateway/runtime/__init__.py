"""gateway.runtime"""
