"""s3d, the S3 daemon: a per-user agent that serves the S3 API on localhost."""

__version__ = "0.1.0"
