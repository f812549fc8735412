"""The verbs of the command line; holds no logic."""
