"""The command s3d, with an agent that polls its fleet's document and reports itself each second."""

from s3d.agent.fleet import config_poll, heartbeats
from s3d.cli.main import main

config_poll.EVERY = heartbeats.HEARTBEAT_EVERY = 1.0

if __name__ == "__main__":
    main()
