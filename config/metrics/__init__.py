"""The page that Prometheus reads: what all web processes have counted, and what the database and Redis say right now."""
