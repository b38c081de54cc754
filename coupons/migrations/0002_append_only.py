from django.db import migrations

from config.kernel.append_only import append_only


class Migration(migrations.Migration):
    dependencies = [("coupons", "0001_initial")]

    operations = [
        append_only(
            "coupons_budgetentry",
            "coupons_claimentry",
            "coupons_redemptionentry",
            "coupons_refund",
            "coupons_refundline",
            "coupons_stockmovement",
        ),
    ]
