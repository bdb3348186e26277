"""gateway.messages"""
