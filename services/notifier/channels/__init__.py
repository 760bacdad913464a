"""The ways to a recipient's system that the notifier drives itself."""
