"""The S3 language. Pure: no socket, file, clock or await."""
