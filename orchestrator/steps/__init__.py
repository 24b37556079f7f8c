"""The steps of a task's life: dispatch, record, verify, land. Each may run twice, and goes through the doors."""
