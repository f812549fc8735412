"""Faults on demand: what a test orders to go wrong with requests, the same each time it runs.

They end with the emulator: what was ordered of one is no part of the account's state.
"""
