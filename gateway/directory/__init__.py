"""gateway.directory"""
