"""Where files live: a folder, or Azure Blob."""
