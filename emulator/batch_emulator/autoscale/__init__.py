"""The language of autoscale formulas: text to syntax tree to numbers of nodes. Pure.

Source: "Create a formula to automatically scale compute nodes in a Batch pool" of the service.
"""
