"""Whatever can carry out a spec: the protocol, its conformance suite and the adapters."""
