"""Our matcher beside Splink, on files with known truth: `make bench-linkage`."""
