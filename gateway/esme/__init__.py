"""gateway.esme"""
