from django.db import migrations

from config.kernel.append_only import append_only


class Migration(migrations.Migration):
    dependencies = [("coupons", "0002_initial")]

    operations = [
        append_only("coupons_claimentry", "coupons_stockmovement", "coupons_redemptionentry"),
    ]
