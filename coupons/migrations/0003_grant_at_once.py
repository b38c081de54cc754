"""The plain claim as one call of the database."""

from django.db import migrations

from config.kernel.vendor_sql import postgresql_only

# Everything that `coupons.services.claim_writing` does for a claim without code, terms or waiting list, in one round trip
# and with plans that PostgreSQL keeps. It grants, or it changes nothing and leaves the reason to the long way.
GRANT_AT_ONCE = """
CREATE FUNCTION coupons_grant_at_once(
    the_coupon bigint, the_version xid, the_shopper bigint, the_public_id uuid, the_channel text, the_moment timestamptz,
    usable timestamptz, expires timestamptz, the_day date,
    the_caller text, the_key text, key_lock bigint, the_fingerprint text, the_status smallint, the_body jsonb,
    OUT outcome text, OUT claim_id bigint, OUT the_ordinal integer
) LANGUAGE plpgsql AS $$
DECLARE
    coupon record;
    bucket bigint;
BEGIN
    outcome := 'refused';
    IF the_key IS NOT NULL THEN
        IF NOT pg_try_advisory_xact_lock(key_lock) THEN RETURN; END IF;
        IF EXISTS (SELECT 1 FROM kernel_idempotencyrecord WHERE caller = the_caller AND key = the_key) THEN RETURN; END IF;
    END IF;

    SELECT c.xmin = the_version AS is_known, c.limit_per_shopper, c.limit_per_shopper_per_day, c.limit_per_day,
           s.is_unlimited, s.bucket_count,
           s.is_unlimited
               OR EXISTS (SELECT 1 FROM coupons_stockbucket WHERE coupon_id = c.id AND remaining > 0) AS is_left,
           EXISTS (SELECT 1 FROM coupons_waitingentry WHERE coupon_id = c.id AND state = 'waiting') AS is_waited_for
        INTO coupon
        FROM coupons_coupon AS c JOIN coupons_stock AS s ON s.coupon_id = c.id
        WHERE c.id = the_coupon;
    -- A coupon that was edited since the caller read it is not the one that was judged.
    IF coupon.is_known IS NOT TRUE THEN
        outcome := 'changed';
        RETURN;
    END IF;
    IF coupon.is_waited_for OR NOT coupon.is_left THEN RETURN; END IF;

    -- What a refusal below has counted is undone by leaving this block.
    BEGIN
        INSERT INTO coupons_claimcounter AS counter (coupon_id, shopper_id, claimed, day, claimed_on_day)
            VALUES (the_coupon, the_shopper, 1, the_day, 1)
            ON CONFLICT (coupon_id, shopper_id) DO UPDATE SET
                claimed = counter.claimed + 1,
                claimed_on_day = CASE WHEN counter.day >= excluded.day THEN counter.claimed_on_day + 1 ELSE 1 END,
                day = greatest(counter.day, excluded.day)
            WHERE counter.claimed < coupon.limit_per_shopper
              AND (counter.day < excluded.day OR coupon.limit_per_shopper_per_day IS NULL
                   OR counter.claimed_on_day < coupon.limit_per_shopper_per_day)
            RETURNING claimed INTO the_ordinal;
        IF NOT FOUND THEN RAISE SQLSTATE 'QN001'; END IF;

        IF coupon.limit_per_day IS NOT NULL THEN
            INSERT INTO coupons_dailyclaimcount AS counter (coupon_id, day, claimed) VALUES (the_coupon, the_day, 1)
                ON CONFLICT (coupon_id, day) DO UPDATE SET claimed = counter.claimed + 1
                WHERE counter.claimed < coupon.limit_per_day;
            IF NOT FOUND THEN RAISE SQLSTATE 'QN001'; END IF;
        END IF;

        INSERT INTO coupons_claim (public_id, coupon_id, shopper_id, ordinal, state, channel, gift_depth,
                                   claimed_at, usable_from, expires_at)
            VALUES (the_public_id, the_coupon, the_shopper, the_ordinal, 'available', the_channel, 0,
                    the_moment, usable, expires)
            RETURNING id INTO claim_id;
        INSERT INTO coupons_claimentry (claim_id, from_state, to_state, reason, data, created_at)
            VALUES (claim_id, '', 'available', 'claimed', '{}', the_moment);
        IF the_key IS NOT NULL THEN
            INSERT INTO kernel_idempotencyrecord (caller, key, fingerprint, status, body, created_at)
                VALUES (the_caller, the_key, the_fingerprint, the_status, the_body, the_moment);
        END IF;

        -- Last, so that the row which everybody wants is held no longer than the commit takes.
        IF NOT coupon.is_unlimited THEN
            SELECT id INTO bucket FROM coupons_stockbucket
                WHERE coupon_id = the_coupon AND remaining > 0
                ORDER BY (number + floor(random() * coupon.bucket_count)::integer) % coupon.bucket_count
                LIMIT 1 FOR UPDATE SKIP LOCKED;
            -- Not "sold out": what others hold may come back. The long way waits for it.
            IF NOT FOUND THEN
                outcome := 'crowded';
                RAISE SQLSTATE 'QN001';
            END IF;
            UPDATE coupons_stockbucket SET remaining = remaining - 1 WHERE id = bucket;
        END IF;
        outcome := 'granted';
    EXCEPTION WHEN SQLSTATE 'QN001' THEN
        claim_id := NULL;
        the_ordinal := NULL;
    END;
END
$$
"""


class Migration(migrations.Migration):
    dependencies = [("coupons", "0002_append_only"), ("kernel", "0001_initial")]

    operations = [postgresql_only(GRANT_AT_ONCE, "DROP FUNCTION coupons_grant_at_once")]
