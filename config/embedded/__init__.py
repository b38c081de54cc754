"""Real PostgreSQL 17 and Valkey from Python wheels, for the demo, the tests and development.

Nothing here imports Django, and nothing here is used in production: there the servers are named by
`DATABASE_URL` and `REDIS_URL`. The servers listen on 127.0.0.1 only, on random ports and behind random
passwords, and the kernel stops them when the launcher dies, however it dies.

    python -m config.embedded run --name demo -- python manage.py migrate
"""

from config.embedded.errors import EmbeddedError
from config.embedded.launcher import run_command
from config.embedded.servers import EmbeddedServers

__all__ = ["EmbeddedError", "EmbeddedServers", "run_command"]
