"""s3d as a service of the user: started at login, restarted after a failure."""
