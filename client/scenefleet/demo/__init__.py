"""A small archive of made-up scenes, served as a STAC API."""
