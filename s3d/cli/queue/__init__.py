"""s3d queue, drain and bandwidth: the write queue."""
