"""The end of the way with a remote: any S3 service, asked over HTTP."""
