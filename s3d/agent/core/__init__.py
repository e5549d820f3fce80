"""The kernel, which every part of the agent shares. It knows no S3 feature."""
