"""One pane a tab. Each shows a part of the State, and asks the agent for what its keys say."""
