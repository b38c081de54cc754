"""Nightly runs: dataset with an explicit cut-off, learner, gate, publication downward; one `Run` each."""
