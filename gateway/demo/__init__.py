"""gateway.demo"""
