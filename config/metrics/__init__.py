"""The page that Prometheus reads: what all web processes have counted, what database and Redis say."""
