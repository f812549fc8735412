"""The service's operations, a file a kind of resource: check, change the state, answer."""
