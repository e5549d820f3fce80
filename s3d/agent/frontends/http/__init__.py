"""The S3 endpoint: turns HTTP requests into S3Requests, and S3Responses into HTTP responses."""
