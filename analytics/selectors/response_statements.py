"""The statements that count what was known of shoppers and coupons, over the tables of `response_facts`.

Every one takes a cut-off, `as_of`, and looks at nothing that happened then or later.
"""

from __future__ import annotations

# The audience in a table says who; the range around it keeps every statement from reading past it, or up to it.
SHOPPERS = """
WITH orders AS (
    SELECT orders.shopper_id, orders.redeemed_at AS at, orders.payable, orders.discount,
           EXTRACT(HOUR FROM orders.redeemed_at AT TIME ZONE %(zone)s) AS hour,
           EXTRACT(ISODOW FROM orders.redeemed_at AT TIME ZONE %(zone)s) AS weekday
    FROM coupons_order AS orders
    JOIN analytics_response_audience AS audience ON audience.shopper_id = orders.shopper_id
    WHERE orders.shopper_id BETWEEN %(first)s AND %(last)s
      AND orders.redeemed_at < %(as_of)s AND NOT (orders.state = 'refunded' AND orders.closed_at < %(as_of)s)
), habit AS (
    SELECT shopper_id, COUNT(*) AS orders, CAST(SUM(payable) AS double precision) AS spend,
           COUNT(*) FILTER (WHERE at >= %(month)s) AS orders_month,
           CAST(SUM(payable) FILTER (WHERE at >= %(month)s) AS double precision) AS spend_month,
           COUNT(*) FILTER (WHERE at >= %(quarter)s) AS orders_quarter,
           CAST(SUM(payable) FILTER (WHERE at >= %(quarter)s) AS double precision) AS spend_quarter,
           CAST(EXTRACT(EPOCH FROM %(as_of)s - MAX(at)) / 86400 AS double precision) AS recency,
           CAST(EXTRACT(EPOCH FROM %(as_of)s - MIN(at)) / 86400 AS double precision) AS tenure,
           COUNT(DISTINCT date_trunc('week', at)) AS weeks,
           COUNT(*) FILTER (WHERE discount > 0) AS with_coupon,
           COUNT(*) FILTER (WHERE discount > 0 AND at >= %(quarter)s) AS with_coupon_quarter,
           CAST(SUM(discount) AS double precision) AS discount,
           COUNT(*) FILTER (WHERE hour >= 17) AS evening,
           COUNT(*) FILTER (WHERE weekday >= 6) AS weekend
    FROM orders GROUP BY shopper_id
), variety AS (
    SELECT line.shopper_id, COUNT(DISTINCT product_id) AS products, COUNT(DISTINCT category_id) AS categories
    FROM analytics_response_line AS line
    JOIN analytics_response_audience AS audience ON audience.shopper_id = line.shopper_id
    WHERE line.shopper_id BETWEEN %(first)s AND %(last)s AND at < %(as_of)s AND gone_at >= %(as_of)s
    GROUP BY line.shopper_id
), received AS (
    SELECT recipient.shopper_id, COUNT(*) AS campaigns, CAST(SUM(size.coupons) AS double precision) AS coupons,
           CAST(EXTRACT(EPOCH FROM %(as_of)s - MAX(addressed_at)) / 86400 AS double precision) AS since,
           COUNT(*) FILTER (WHERE EXISTS (
               SELECT 1 FROM analytics_response_used AS used
               JOIN campaigns_campaigncoupon AS link ON link.coupon_id = used.coupon_id
               WHERE used.shopper_id = recipient.shopper_id AND link.campaign_id = recipient.campaign_id
                 AND used.shopper_id BETWEEN %(first)s AND %(last)s AND used.at < %(as_of)s)) AS answered
    FROM campaigns_campaignrecipient AS recipient
    JOIN analytics_response_audience AS audience ON audience.shopper_id = recipient.shopper_id
    JOIN (SELECT campaign_id, COUNT(*) AS coupons FROM campaigns_campaigncoupon GROUP BY 1) AS size
      ON size.campaign_id = recipient.campaign_id
    WHERE recipient.shopper_id BETWEEN %(first)s AND %(last)s AND addressed_at < %(as_of)s
      AND recipient.campaign_id <> %(campaign)s
    GROUP BY recipient.shopper_id
), used AS (
    SELECT used.shopper_id, COUNT(*) AS coupons,
           COUNT(*) FILTER (WHERE at >= %(quarter)s) AS coupons_quarter,
           CAST(EXTRACT(EPOCH FROM %(as_of)s - MAX(at)) / 86400 AS double precision) AS since
    FROM analytics_response_used AS used
    JOIN analytics_response_audience AS audience ON audience.shopper_id = used.shopper_id
    WHERE used.shopper_id BETWEEN %(first)s AND %(last)s AND at < %(as_of)s GROUP BY used.shopper_id
)
SELECT audience.shopper_id,
       COALESCE(habit.orders, 0), COALESCE(habit.spend, 0), COALESCE(habit.orders_month, 0),
       COALESCE(habit.spend_month, 0), COALESCE(habit.orders_quarter, 0), COALESCE(habit.spend_quarter, 0),
       habit.recency, habit.tenure, COALESCE(habit.weeks, 0), COALESCE(habit.with_coupon, 0),
       COALESCE(habit.with_coupon_quarter, 0), COALESCE(habit.discount, 0), COALESCE(habit.evening, 0),
       COALESCE(habit.weekend, 0), COALESCE(variety.products, 0), COALESCE(variety.categories, 0),
       COALESCE(received.campaigns, 0), COALESCE(received.coupons, 0), received.since,
       COALESCE(received.answered, 0), COALESCE(used.coupons, 0), COALESCE(used.coupons_quarter, 0), used.since,
       CASE WHEN COALESCE(profile.age_band, '') = '' AND COALESCE(profile.income_band, '') = ''
            THEN 0 ELSE 1 END
FROM analytics_response_audience AS audience
LEFT JOIN habit ON habit.shopper_id = audience.shopper_id
LEFT JOIN variety ON variety.shopper_id = audience.shopper_id
LEFT JOIN received ON received.shopper_id = audience.shopper_id
LEFT JOIN used ON used.shopper_id = audience.shopper_id
LEFT JOIN users_profile AS profile ON profile.shopper_id = audience.shopper_id
ORDER BY audience.shopper_id
"""

PAIRS = """
SELECT line.shopper_id, scope.coupon_id, SUM(spend), COALESCE(SUM(spend) FILTER (WHERE at >= %(quarter)s), 0),
       COUNT(DISTINCT order_id), COUNT(DISTINCT order_id) FILTER (WHERE at >= %(quarter)s),
       COUNT(DISTINCT order_id) FILTER (WHERE at >= %(month)s),
       COUNT(DISTINCT line.product_id),
       CAST(EXTRACT(EPOCH FROM %(as_of)s - MAX(at)) / 86400 AS double precision),
       COUNT(DISTINCT order_id) FILTER (WHERE is_with_coupon)
FROM analytics_response_line AS line
JOIN analytics_response_audience AS audience ON audience.shopper_id = line.shopper_id
JOIN analytics_response_scope AS scope ON scope.product_id = line.product_id
WHERE scope.coupon_id = ANY(%(coupons)s) AND line.shopper_id BETWEEN %(first)s AND %(last)s
  AND at < %(as_of)s AND gone_at >= %(as_of)s
GROUP BY line.shopper_id, scope.coupon_id
"""

# Coupons of campaigns that started before, weighted by how much of what they cover is the same.
KIN_USED = """
SELECT used.shopper_id, kin.coupon_id, SUM(kin.overlap)
FROM analytics_response_kin AS kin
JOIN analytics_response_used AS used ON used.coupon_id = kin.kin_id
JOIN analytics_response_audience AS audience ON audience.shopper_id = used.shopper_id
WHERE kin.coupon_id = ANY(%(coupons)s) AND used.shopper_id BETWEEN %(first)s AND %(last)s AND used.at < %(as_of)s
GROUP BY used.shopper_id, kin.coupon_id
"""

CATEGORY_SPEND = """
SELECT line.shopper_id, line.category_id, SUM(spend), COALESCE(SUM(spend) FILTER (WHERE at >= %(quarter)s), 0),
       COUNT(*) FILTER (WHERE is_with_coupon) FROM analytics_response_line AS line
JOIN analytics_response_audience AS audience ON audience.shopper_id = line.shopper_id
WHERE line.shopper_id BETWEEN %(first)s AND %(last)s AND at < %(as_of)s AND gone_at >= %(as_of)s
GROUP BY line.shopper_id, line.category_id
"""

CATEGORY_COVER = """
SELECT scope.coupon_id, product.category_id, COUNT(*)
FROM analytics_response_scope AS scope JOIN coupons_product AS product ON product.id = scope.product_id
WHERE scope.coupon_id = ANY(%(coupons)s) GROUP BY scope.coupon_id, product.category_id
"""

# The type of a product is what it is, whoever makes it and however large the pack: finer than a shelf.
TYPE_COVER = """
SELECT scope.coupon_id, COALESCE(NULLIF(BTRIM(product_type), ''), 'category:' || category_id), COUNT(*)
FROM analytics_response_scope AS scope JOIN coupons_product AS product ON product.id = scope.product_id
WHERE scope.coupon_id = ANY(%(coupons)s) GROUP BY 1, 2
"""

# Types by their place among those asked for: sorting lines by text would take longest of all.
TYPE_SPEND = """
WITH typed AS MATERIALIZED (
    SELECT product.id, wanted.place FROM coupons_product AS product
    JOIN unnest(%(types)s::text[]) WITH ORDINALITY AS wanted (type, place)
      ON wanted.type = COALESCE(NULLIF(BTRIM(product_type), ''), 'category:' || category_id)
)
SELECT line.shopper_id, typed.place - 1, SUM(spend), COUNT(DISTINCT order_id) FROM analytics_response_line AS line
JOIN analytics_response_audience AS audience ON audience.shopper_id = line.shopper_id
JOIN typed ON typed.id = line.product_id
WHERE line.shopper_id BETWEEN %(first)s AND %(last)s AND at < %(as_of)s AND gone_at >= %(as_of)s GROUP BY 1, 2
"""

COUPONS = """
WITH size AS (
    SELECT coupon_id, COUNT(*) AS products FROM analytics_response_scope
    WHERE coupon_id = ANY(%(coupons)s) GROUP BY coupon_id
), recent AS NOT MATERIALIZED (
    SELECT shopper_id, product_id, spend FROM analytics_response_line
    WHERE at < %(as_of)s AND at >= %(quarter)s AND gone_at >= %(as_of)s
), buyer AS (
    -- Shoppers before coupons: to count different ones of each coupon at once would sort all lines.
    SELECT scope.coupon_id, COUNT(*) AS lines, SUM(recent.spend) AS spend
    FROM analytics_response_scope AS scope JOIN recent ON recent.product_id = scope.product_id
    WHERE scope.coupon_id = ANY(%(coupons)s) GROUP BY scope.coupon_id, recent.shopper_id
), covered AS (
    SELECT coupon_id, COUNT(*) AS buyers, SUM(spend) / SUM(lines) AS price FROM buyer GROUP BY coupon_id
)
SELECT coupon.id, COALESCE(size.products, 0), COALESCE(covered.buyers, 0),
       (SELECT COUNT(*) FROM (SELECT DISTINCT shopper_id FROM recent) AS everybody), COALESCE(covered.price, 0)
FROM coupons_coupon AS coupon
LEFT JOIN size ON size.coupon_id = coupon.id
LEFT JOIN covered ON covered.coupon_id = coupon.id
WHERE coupon.id = ANY(%(coupons)s)
"""

ANSWERS = """
SELECT DISTINCT used.shopper_id, used.coupon_id FROM analytics_response_used AS used
JOIN analytics_response_audience AS audience ON audience.shopper_id = used.shopper_id
WHERE used.coupon_id = ANY(%(coupons)s) AND used.shopper_id BETWEEN %(first)s AND %(last)s
  AND at >= %(starts)s AND at < %(ends)s
"""
