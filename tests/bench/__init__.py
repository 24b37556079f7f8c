"""Benchmarks: what a landed task costs, beside what else a user could do; `python -m bench --help`, run from tests/."""
