"""What the service knows: the account's pools, nodes, jobs and tasks, in memory."""
