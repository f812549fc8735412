"""Where scenes come from: search, selection, completeness, radiometry."""
