"""Who runs what, where and when: the lives of pools, nodes, jobs and tasks."""
