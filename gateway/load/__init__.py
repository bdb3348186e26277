"""gateway.load"""
