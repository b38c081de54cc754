"""Loads dunnhumby's Complete Journey, a year of a grocery chain, as the history of a demo shop; see docs/data.md."""
