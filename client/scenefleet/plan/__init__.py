"""Items and a recipe become task documents and an estimate; pure."""
