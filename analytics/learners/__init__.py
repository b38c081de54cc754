"""Learners: arrays in, arrays out, seeds explicit; they know neither Django nor the database."""
