"""What a store made for tests can do: be reset, have its clock moved, and fail on demand."""
