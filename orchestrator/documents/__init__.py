"""Documents as records: state, TODO, spec, result and checkpoint, and the one codec that reads them."""
