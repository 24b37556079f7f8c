"""The leader: the one loop that decides, and what it does first after a kill."""
