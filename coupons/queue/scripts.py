"""The queue's scripts. Each runs as one step in Redis, over keys of one coupon, which a cluster keeps on one node.

They read what the gate knows (`coupons.gate.scripts`) and never write it.
"""

from __future__ import annotations

from coupons.gate.scripts import CLOCK

# Refuses whom the gate would refuse, or gives a place at the end of the queue. The same ticket is the same place.
# KEYS: word, holders, full (of the gate); stream, numbers, ticket, waiting tickets of the shopper
# ARGV: shopper, now in microseconds, shop day, fresh for (milliseconds), ticket, whether the coupon is open, limit per
#   shopper, most places, kept for (milliseconds)
# Returns: outcome, ticket, state, position, code, data, number that goes with a refusal, claims of the shopper
ACCEPT = (
    CLOCK
    + """
local done = tonumber(redis.call('HGET', KEYS[5], 'done') or '0')
local function place(outcome, ticket, state, arrival, code, data)
    return {outcome, ticket, state, math.max(1, tonumber(arrival) - done), code or '', data or '', 0, 0}
end

local known = redis.call('HMGET', KEYS[6], 'state', 'arrival', 'code', 'data')
if known[1] then return place('known', ARGV[5], known[1], known[2], known[3], known[4]) end

local claimed = tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or '0')
local function refused(outcome, number)
    return {outcome, '', '', 0, '', '', tonumber(number), claimed}
end
if ARGV[6] ~= '1' then return refused('closed', 0) end

local word = redis.call('HMGET', KEYS[1], 'confirmed_at', 'is_plain', 'opens_at', 'is_sold_out', 'limit',
    'limit_on_day', 'limit_per_day')
local function is_full(field, limit)
    local known = limit ~= '' and redis.call('HGET', KEYS[3], field)
    if not known then return false end
    local day, reached = string.match(known, '^(%d+):(%d+)$')
    return day == ARGV[3] and tonumber(reached) >= tonumber(limit)
end
if word[1] and clock - tonumber(word[1]) < tonumber(ARGV[4]) and word[2] == '1' then
    if tonumber(ARGV[2]) < tonumber(word[3]) then return refused('not_started', word[3]) end
    if claimed >= tonumber(word[5]) then return refused('shopper', word[5]) end
    if word[4] == '1' then return refused('sold_out', 0) end
    if is_full(ARGV[1], word[6]) then return refused('shopper_day', word[6]) end
    if is_full('all', word[7]) then return refused('day', word[7]) end
end

-- Places and claims of a shopper together keep the limit: who asks for more is shown the place that there is.
local waiting = redis.call('ZCARD', KEYS[7])
if waiting > 0 and claimed + waiting >= tonumber(ARGV[7]) then
    local last = redis.call('ZREVRANGE', KEYS[7], 0, 0, 'WITHSCORES')
    return place('waiting', last[1], 'waiting', last[2])
end
if redis.call('XLEN', KEYS[4]) >= tonumber(ARGV[8]) then return refused('full', 0) end

local arrival = redis.call('HINCRBY', KEYS[5], 'arrived', 1)
redis.call('XADD', KEYS[4], '*', 'ticket', ARGV[5], 'shopper', ARGV[1], 'arrival', arrival)
redis.call('HSET', KEYS[6], 'state', 'waiting', 'arrival', arrival, 'shopper', ARGV[1])
redis.call('ZADD', KEYS[7], arrival, ARGV[5])
for number = 4, 7 do redis.call('PEXPIRE', KEYS[number], ARGV[9]) end
-- The first place of a queue that was not there before, or that a lost Redis took along.
return place(arrival == 1 and 'first' or 'accepted', ARGV[5], 'waiting', arrival)
"""
)

# Writes answers that were committed, and takes their entries off the stream. May come twice.
# KEYS: stream, numbers, then a ticket and its shopper's waiting tickets for each answer
# ARGV: group, kept for (milliseconds), then entry, ticket, arrival, state, code and data of each answer
ANSWER = """
local arrived = tonumber(redis.call('HGET', KEYS[2], 'arrived') or '0')
local done = tonumber(redis.call('HGET', KEYS[2], 'done') or '0')
for number = 1, (#ARGV - 2) / 6 do
    local ticket, waiting, at = KEYS[1 + 2 * number], KEYS[2 + 2 * number], 6 * number - 3
    if ARGV[at + 3] == 'lost' then
        redis.call('DEL', ticket)
    elseif redis.call('EXISTS', ticket) == 1 then
        redis.call('HSET', ticket, 'state', ARGV[at + 3], 'code', ARGV[at + 4], 'data', ARGV[at + 5])
        redis.call('PEXPIRE', ticket, ARGV[2])
    end
    redis.call('ZREM', waiting, ARGV[at + 1])
    redis.call('XACK', KEYS[1], ARGV[1], ARGV[at])
    redis.call('XDEL', KEYS[1], ARGV[at])
    done = math.max(done, tonumber(ARGV[at + 2]))
end
-- Numbers start anew when Redis was emptied: one from before must not be ahead of all.
done = math.min(done, arrived)
if arrived > 0 then redis.call('HSET', KEYS[2], 'done', done) end
return done
"""
