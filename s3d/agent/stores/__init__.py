"""The stores and layers that answer S3 operations."""
