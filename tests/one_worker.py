"""The command s3d, with an agent that has one worker thread: who waits for another never ends."""

from s3d.agent.app import agent
from s3d.cli.main import main

agent.THREADS = 1

if __name__ == "__main__":
    main()
