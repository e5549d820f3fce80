"""The agent: the long-lived process that serves S3."""
