from django.db import migrations

from config.kernel.append_only import append_only
from config.kernel.vendor_sql import postgresql_only


class Migration(migrations.Migration):
    dependencies = [("users", "0001_initial")]

    operations = [
        append_only("users_behaviourevent"),
        # Events arrive nearly in time order, so a few kilobytes of BRIN serve the scans of a time range.
        postgresql_only(
            "CREATE INDEX users_event_time_brin ON users_behaviourevent USING brin (occurred_at) "
            "WITH (pages_per_range = 32, autosummarize = on)",
            "DROP INDEX users_event_time_brin",
        ),
    ]
