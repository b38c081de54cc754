"""The same features where one database is not enough: tables as Parquet, aggregated by DuckDB."""
