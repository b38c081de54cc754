"""The whole platform on one machine: prepared, started, watched and stopped by one command.

    python -m config.embedded run --name demo -- python -m config.demo

The supervisor itself imports no Django, so that it starts and stops at once.
"""
