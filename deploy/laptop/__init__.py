"""Everything in one process on embedded defaults: what `make run` starts."""
