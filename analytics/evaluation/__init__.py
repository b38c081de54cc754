"""How good the learners are, each by a protocol of its own that a reader can repeat with one command."""
