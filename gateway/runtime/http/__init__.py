"""gateway.runtime.http"""
