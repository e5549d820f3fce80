"""s3d doctor: what is wrong here, and what to do about it. It needs no agent."""
