"""The stores: whoever can answer S3 operations."""
