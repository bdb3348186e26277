"""gateway.carriers"""
