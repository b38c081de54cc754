"""The nightly run as a shop grows; see `benchmarks/nightly/__main__.py`."""
