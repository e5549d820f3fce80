"""s3d sync: local folders that are kept in sync with objects."""
