"""The command s3d, with an agent that soon asks again about what a policy holds back."""

from s3d.agent.app import background
from s3d.cli.main import main

background.POLICY_EVERY = 0.2

if __name__ == "__main__":
    main()
