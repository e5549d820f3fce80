"""The S3 front door: HTTP in, S3Request down, S3Response up, HTTP out."""
