from django.db import migrations, models
import django.db.models.deletion


def put_into_editions(apps, schema_editor):
    """Gives every coupon's allocations one edition that is in force: nobody loses what was set aside for them."""
    Allocation = apps.get_model('coupons', 'Allocation')
    AllocationEdition = apps.get_model('coupons', 'AllocationEdition')
    newest = Allocation.objects.order_by('coupon').values_list('coupon').annotate(computed_at=models.Max('computed_at'))
    for coupon_id, computed_at in newest:
        edition = AllocationEdition.objects.create(coupon_id=coupon_id, computed_at=computed_at, is_in_force=True)
        Allocation.objects.filter(coupon_id=coupon_id).update(edition=edition)
    if schema_editor.connection.vendor == 'postgresql':
        # The table cannot be changed while checks of foreign keys wait for the end of the transaction.
        schema_editor.execute('SET CONSTRAINTS ALL IMMEDIATE')
        schema_editor.execute('SET CONSTRAINTS ALL DEFERRED')


def drop_what_decides_nothing(apps, schema_editor):
    """Leaves one row for each coupon and shopper, as the constraint of before asks."""
    Allocation = apps.get_model('coupons', 'Allocation')
    Allocation.objects.filter(edition__is_in_force=False).delete()
    if schema_editor.connection.vendor == 'postgresql':
        schema_editor.execute('SET CONSTRAINTS ALL IMMEDIATE')
        schema_editor.execute('SET CONSTRAINTS ALL DEFERRED')


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
        migrations.AddField(
            model_name='allocation',
            name='edition',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='allocations', to='coupons.allocationedition'),
        ),
        migrations.RunPython(put_into_editions, drop_what_decides_nothing),
        migrations.AlterField(
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
    ]
