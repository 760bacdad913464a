"""health_broker"""
