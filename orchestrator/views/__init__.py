"""Views: pure reads of where things stand, each a frozen dataclass and its text."""
