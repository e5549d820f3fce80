"""The admin address: metrics and health over HTTP, for programs that watch the agent."""
