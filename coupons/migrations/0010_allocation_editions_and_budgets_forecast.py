from django.db import migrations, models
import django.db.models.deletion


def empty(apps, schema_editor):
    """Takes all allocations away; the next night sets coupons aside anew, and none of these would last three.

    Rows that stay would have to be rewritten, and the index built over them, while nobody may read the table: every
    page of a signed-in shopper does. An empty one changes at once.
    """
    Allocation = apps.get_model('coupons', 'Allocation')
    if schema_editor.connection.vendor == 'postgresql':
        schema_editor.execute(f'TRUNCATE {schema_editor.quote_name(Allocation._meta.db_table)}')
    else:
        Allocation.objects.all().delete()


class Migration(migrations.Migration):

    dependencies = [
        ('coupons', '0009_stock_forecast'),
    ]

    operations = [
        migrations.AddField(
            model_name='stockforecast',
            name='budget_days',
            field=models.FloatField(blank=True, null=True, verbose_name='days the budget lasts'),
        ),
        migrations.AddField(
            model_name='stockforecast',
            name='budget_ends_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='budget ends'),
        ),
        migrations.AddConstraint(
            model_name='stockforecast',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('budget_days', None), ('budget_ends_at', None)), models.Q(('budget_days__gte', 0), ('budget_ends_at__isnull', False)), _connector='OR'), name='coupons_forecast_budget'),
        ),
        migrations.CreateModel(
            name='AllocationEdition',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('is_in_force', models.BooleanField(default=False, verbose_name='in force')),
                ('computed_at', models.DateTimeField(verbose_name='decided')),
                ('coupon', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='allocation_editions', to='coupons.coupon', verbose_name='coupon')),
            ],
            options={
                'verbose_name': 'edition of allocations',
                'verbose_name_plural': 'editions of allocations',
                'constraints': [models.UniqueConstraint(condition=models.Q(('is_in_force', True)), fields=('coupon',), name='coupons_allocation_in_force_once')],
            },
        ),
        # First forward and, behind the changes, once more for the way back: both find an empty table.
        migrations.RunPython(empty, migrations.RunPython.noop),
        migrations.AddField(
            model_name='allocation',
            name='edition',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='allocations', to='coupons.allocationedition'),
        ),
        migrations.RemoveConstraint(
            model_name='allocation',
            name='coupons_allocation_once',
        ),
        migrations.AddConstraint(
            model_name='allocation',
            constraint=models.UniqueConstraint(fields=('edition', 'shopper'), name='coupons_allocation_once'),
        ),
        migrations.RunPython(migrations.RunPython.noop, empty),
    ]
