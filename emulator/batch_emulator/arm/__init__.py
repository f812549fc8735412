"""A stand-in for Azure Resource Manager: the account, its quotas, its pools."""
