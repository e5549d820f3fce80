"""What the agent, the terminal app and the command line all need. Imports nothing else of s3d."""
