"""Agent projects that outlive a session: verified git checkpoints, parallel specs, resumable runs."""
