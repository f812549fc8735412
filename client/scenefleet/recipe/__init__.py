"""What the user asks for: a typed model read from YAML."""
