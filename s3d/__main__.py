"""python -m s3d."""

from s3d.cli.main import main

main()
