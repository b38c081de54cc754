"""The rows of a made-up shop that grow with its shoppers, as statements; the database makes them from a fixed seed.

Who likes what, who is addressed and who answers follows from the shopper's number, so that the statements agree without
asking each other: shopper `id` has five favourite types of products, and the first of them tells which of a campaign's
coupons is for them.
"""

from __future__ import annotations

TYPES = 300
PRODUCTS_A_TYPE = 7
SHELVES = 20
# Ended campaigns: when they began, in days ago, and how long they ran; each with one coupon for every so many shelves.
ENDED = 5
FIRST_BEGAN = 215
APART = 40
LASTED = 28
PLACES = 6
EVENTS_A_SHOPPER = 20

# A favourite type of a shopper: few types are liked by many.
FAVOURITE = f"floor({TYPES} * power((({{shopper}} * 7919 + {{number}} * 4241) %% 997) / 997.0, 2))::int"
# Three in ten, each campaign others.
ADDRESSED = "({shopper} / 35 + 3 * {campaign}) %% 10 < 3"
HELD_OUT = "substr(md5(%(salt)s || ':' || {shopper}), 1, 13) < %(border)s"

SHELVES_AND_PRODUCTS = f"""
INSERT INTO coupons_category (id, key, name_zh, name_en)
SELECT number, 'shelf-' || number, '', 'Shelf ' || number FROM generate_series(1, {SHELVES}) AS number;
INSERT INTO coupons_product (id, sku, name_zh, name_en, brand, price, floor_price, tax_rate, is_on_sale, product_type,
                             category_id)
SELECT number, 'sku-' || number, '', 'Product ' || number, '', 500 + number %% 89 * 100, 0, 0, true,
       'TYPE ' || (number - 1) %% {TYPES}, 1 + (number - 1) %% {TYPES} %% {SHELVES}
FROM generate_series(1, {TYPES * PRODUCTS_A_TYPE}) AS number
"""

SHOPPERS = """
INSERT INTO users_user (id, password, is_superuser, public_id, username, name, email, email_index, phone, birthday,
                        language, wants_reminders, is_staff, is_active, joined_at)
SELECT number, '!', false, gen_random_uuid(), 'night-' || number, '', '',
       CASE WHEN number %% 2 = 0 THEN 'night-' || number END, '', NULL, 'en', true, false, true,
       %(now)s - interval '400 days'
FROM generate_series(1, %(count)s) AS number
"""

# Five habits: how many days between visits, how much is spent, and how often it is a purchase.
EVENTS = f"""
INSERT INTO users_behaviourevent (sender, event_id, shopper_id, kind, product_sku, coupon_public_id, value, data,
                                  occurred_at, received_at)
SELECT 'night', shopper.id || ':' || number, shopper.id,
       CASE WHEN random() < (ARRAY[.7, .5, .3, .2, .6])[habit] THEN 'purchase'
            WHEN random() < .2 THEN 'cart' ELSE 'view' END,
       'sku-' || 1 + floor(random() * {TYPES * PRODUCTS_A_TYPE})::int, NULL,
       (exp(random() + (ARRAY[8.5, 7, 6.5, 8, 9])[habit]))::bigint, '{{}}',
       %(now)s - interval '1 day' * (lag + number * (ARRAY[2, 6, 12, 4, 16])[habit] * (.5 + random())), %(now)s
FROM (SELECT id, 1 + id %% 5 AS habit, (id %% 7) * (id %% 5) AS lag FROM users_user) AS shopper
CROSS JOIN generate_series(1, {EVENTS_A_SHOPPER}) AS number
"""

# Every second purchase was made through this shop's checkout; the others are what other systems reported.
# An order inside an ended campaign that addressed its shopper is paid with the coupon for them half of the time.
ORDERS_TO_COME = f"""
CREATE TEMPORARY TABLE night_order AS
SELECT made.*, CASE WHEN made.coupon_id IS NULL THEN 0 ELSE coupon.amount_off END AS discount
FROM (
    SELECT row_number() OVER () AS id, shopper_id, at, value, 2 + number %% 3 AS lines,
           at - interval '1 day' * luck * 7 AS claimed_at,
           CASE WHEN campaign BETWEEN 0 AND {ENDED - 1} AND days_in < {LASTED} AND luck < .5
                     AND {ADDRESSED.format(shopper="shopper_id", campaign="campaign")}
                     AND NOT (campaign = {ENDED - 1} AND {HELD_OUT.format(shopper="shopper_id")})
                THEN (%(ended)s::bigint[])[campaign * {PLACES} + favourite %% {SHELVES} %% {PLACES} + 1]
                WHEN days < 48 AND luck > .75
                THEN (%(limited)s::bigint[])[1 + number %% array_length(%(limited)s::bigint[], 1)]
           END AS coupon_id
    FROM (
        SELECT id AS number, shopper_id, occurred_at AS at, value, random() AS luck, days,
               floor(({FIRST_BEGAN} - days) / {APART})::int AS campaign,
               {FIRST_BEGAN} - days - {APART} * floor(({FIRST_BEGAN} - days) / {APART}) AS days_in,
               {FAVOURITE.format(shopper="shopper_id", number=0)} AS favourite
        FROM (
            SELECT *, EXTRACT(EPOCH FROM %(now)s - occurred_at) / 86400 AS days FROM users_behaviourevent
            WHERE kind = 'purchase' AND id %% 2 = 0
        ) AS event
    ) AS drawn
) AS made
LEFT JOIN coupons_coupon AS coupon ON coupon.id = made.coupon_id
"""

# One in a hundred was given back.
ORDERS = """
INSERT INTO coupons_order (id, public_id, reference, state, subtotal, discount, shipping, shipping_discount, tax,
                           payable, refunded, channel, region, placed_at, redeemed_at, closed_at, shopper_id)
SELECT id, gen_random_uuid(), 'night-' || id, CASE WHEN is_back THEN 'refunded' ELSE 'redeemed' END,
       value + discount, discount, 0, 0, 0, value, CASE WHEN is_back THEN value ELSE 0 END, '', '', at, at,
       CASE WHEN is_back THEN at + interval '1 hour' END, shopper_id
FROM (SELECT *, id %% 100 = 0 AS is_back FROM night_order) AS made
"""

# What a coupon was used on is of its shopper's favourite type.
LINES = f"""
INSERT INTO coupons_orderline (number, unit_price, quantity, discount, payable, tax, returned, refunded, order_id,
                               product_id)
SELECT number, payable + discount, 1, discount, payable, 0, CASE WHEN is_back THEN 1 ELSE 0 END,
       CASE WHEN is_back THEN payable ELSE 0 END, order_id, 1 + type + {TYPES} * floor(random() * {PRODUCTS_A_TYPE})
FROM (
    SELECT made.id AS order_id, made.id %% 100 = 0 AS is_back, number,
           CASE number WHEN 1 THEN made.discount ELSE 0 END AS discount,
           CASE number WHEN 1 THEN value - (lines - 1) * (value / lines) ELSE value / lines END AS payable,
           CASE WHEN number = 1 AND (made.coupon_id IS NOT NULL OR random() < .5)
                THEN {FAVOURITE.format(shopper="shopper_id", number=0)}
                WHEN random() < .6 THEN {FAVOURITE.format(shopper="shopper_id", number="floor(random() * 5)::int")}
                ELSE floor({TYPES} * power(random(), 2))::int END AS type
    FROM night_order AS made CROSS JOIN LATERAL generate_series(1, made.lines) AS number
) AS line
"""

# Used claims first, under the number of their order; then those that are held, or have expired.
CLAIMS = """
INSERT INTO coupons_claim (id, public_id, ordinal, state, channel, gift_depth, claimed_at, usable_from, expires_at,
                           shopper_id, coupon_id, order_id)
SELECT id, gen_random_uuid(), row_number() OVER (PARTITION BY coupon_id, shopper_id ORDER BY at), 'redeemed', 'web', 0,
       claimed_at, claimed_at, claimed_at + interval '30 days', shopper_id, coupon_id, id
FROM night_order WHERE coupon_id IS NOT NULL;
INSERT INTO coupons_claim (id, public_id, ordinal, state, channel, gift_depth, claimed_at, usable_from, expires_at,
                           shopper_id, coupon_id)
SELECT (SELECT max(id) FROM night_order) + row_number() OVER (), gen_random_uuid(), 1000,
       CASE WHEN days < 30 THEN 'available' ELSE 'expired' END, 'web', 0, at, at, at + interval '30 days',
       shopper_id, coupon_id
FROM (
    SELECT *, %(now)s - interval '1 day' * days AS at FROM (
        SELECT id AS shopper_id, 56.0 * ((id * 104729) %% 1009) / 1009 AS days,
               (%(limited)s::bigint[])[1 + id * 17 %% array_length(%(limited)s::bigint[], 1)] AS coupon_id
        FROM users_user WHERE id %% 3 > 0
        UNION ALL
        SELECT id, 9.0 * ((id * 104729) %% 1009) / 1009,
               (%(allocated)s::bigint[])[1 + id / 40 %% array_length(%(allocated)s::bigint[], 1)]
        FROM users_user WHERE id %% 40 = 0
    ) AS drawn
) AS held;
INSERT INTO coupons_claimcounter (shopper_id, coupon_id, claimed, day, claimed_on_day)
SELECT shopper_id, coupon_id, count(*), %(now)s::date, 0 FROM coupons_claim GROUP BY shopper_id, coupon_id;
UPDATE coupons_stockbucket AS bucket SET remaining = remaining - made.claims
FROM (SELECT coupon_id, count(*) AS claims FROM coupons_claim GROUP BY 1) AS made
WHERE made.coupon_id = bucket.coupon_id
"""

REDEMPTIONS = """
INSERT INTO coupons_redemption (amount, refunded, redeemed_at, claim_id, coupon_id, order_id)
SELECT discount, 0, at, id, coupon_id, id FROM night_order WHERE coupon_id IS NOT NULL
"""

# What an ended campaign has addressed, and a fifth of the shop by a live one.
RECIPIENTS = f"""
INSERT INTO campaigns_campaignrecipient (addressed_at, campaign_id, shopper_id)
SELECT campaign.starts_at, campaign.id, shopper.id
FROM users_user AS shopper
CROSS JOIN unnest(%(campaigns)s::bigint[]) WITH ORDINALITY AS each (campaign_id, number)
JOIN campaigns_campaign AS campaign ON campaign.id = each.campaign_id
WHERE {ADDRESSED.format(shopper="shopper.id", campaign="(each.number - 1)")};
INSERT INTO campaigns_campaignrecipient (addressed_at, campaign_id, shopper_id)
SELECT %(now)s, %(chosen)s, id FROM users_user WHERE (id / 35) %% 5 = 0
"""

EXPOSURES = f"""
INSERT INTO campaigns_exposure (experiment, shopper_id, arm, first_exposed_at)
SELECT %(experiment)s, shopper_id, CASE WHEN {HELD_OUT.format(shopper="shopper_id")} THEN 'holdout' ELSE 'treated' END,
       addressed_at
FROM campaigns_campaignrecipient WHERE campaign_id = (%(campaigns)s::bigint[])[{ENDED}]
"""

# Every second claim was written about two days later.
MESSAGES = """
INSERT INTO campaigns_message (dedupe_key, channel, topic, data, state, attempts, next_attempt_at, last_error,
                               created_at, sent_at, shopper_id)
SELECT 'night:' || id, CASE WHEN id %% 3 = 0 THEN 'email' ELSE 'in_app' END, 'expiry_reminder',
       jsonb_build_object('claim', id), 'sent', 1, claimed_at, '', claimed_at, claimed_at + interval '2 days',
       shopper_id
FROM coupons_claim WHERE id %% 2 = 0 AND claimed_at < %(now)s - interval '2 days';
DROP TABLE night_order
"""

GROWING = (
    "users_user",
    "users_behaviourevent",
    "coupons_order",
    "coupons_orderline",
    "coupons_claim",
    "coupons_claimcounter",
    "coupons_redemption",
    "campaigns_campaignrecipient",
    "campaigns_exposure",
    "campaigns_message",
)
