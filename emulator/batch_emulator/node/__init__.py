"""What a node does: fetch files, run a task's process, send files. It knows nothing of queues."""
