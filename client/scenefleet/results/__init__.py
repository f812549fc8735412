"""The STAC catalogue of outputs, and the report."""
