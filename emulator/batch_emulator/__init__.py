"""An Azure Batch service on loopback, for tests and laptops."""
