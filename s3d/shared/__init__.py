"""What the agent, the terminal app and the command line share. It imports nothing else of s3d."""
