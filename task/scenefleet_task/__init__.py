"""What runs on a node: reads a scene's bands, computes, writes and puts the outputs."""
