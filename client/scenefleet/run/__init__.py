"""A run's life: create, start, watch, cancel, retry, resume."""
