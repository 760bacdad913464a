"""HTTP in, durable log out, progress back to the sender. 202 means committed."""
