"""Azure Batch: pools, jobs, tasks. The only room that imports `azure.batch`."""
