"""Ten thousand tasks in one process: what grows, what is left open, and whether the last takes as long as the first."""
