"""The one place where figures are defined: every dashboard, report and export reads them here.

All amounts are in minor units. `Cut` says what part of the shop's life a figure is about. The definitions stand with
the functions; docs/models.md explains them to readers, and the tests compute each of them by hand.

- *claims*: made in the period; *redeemed*: those of them that are used now. Their ratio is the conversion.
- *redemptions*: coupons used on orders placed in the period; *discount*: what these took off, less what a refund
  gave back. An order that was refunded in full does not count.
- *order value*: what goods cost after discounts, without shipping, on paid orders placed in the period.
"""
