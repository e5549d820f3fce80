"""s3d cp, mv and sync SOURCE TARGET: copies between this machine and S3."""
