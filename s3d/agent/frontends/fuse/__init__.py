"""The FUSE mount: buckets as folders, for programs that do not speak S3."""
