"""Facts in, notices out, deliveries made, acknowledgements taken, silence escalated."""
