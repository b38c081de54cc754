"""The gate's scripts. Each runs as one step in Redis, over keys of one coupon, which a cluster keeps on one node.

Redis' own clock measures ages and places; `now` of a claim is the database's and comes as an argument.
"""

from __future__ import annotations

CLOCK = """
local time = redis.call('TIME')
local clock = time[1] * 1000 + math.floor(time[2] / 1000)
"""

# Refuses, or holds a place and lets through. Whatever it does not know for certain it lets through.
# KEYS: word, holders, full, places of the shopper
# ARGV: shopper, token, now in microseconds, shop day, fresh for, renewed after, place lasts (milliseconds)
# Returns: outcome, number that goes with it, epoch, whether the word of the database is wanted
ENTER = (
    CLOCK
    + """
local word = redis.call('HMGET', KEYS[1], 'confirmed_at', 'asked_at', 'epoch', 'is_plain', 'opens_at', 'is_sold_out',
    'limit', 'limit_on_day', 'limit_per_day')
local epoch = word[3] or ''
local age = word[1] and clock - tonumber(word[1])
local wanted = 1

-- One caller at a time renews a word that grows old, while it still refuses the others.
if age and age < tonumber(ARGV[5]) then
    if age < tonumber(ARGV[6]) or clock - tonumber(word[2] or '0') < tonumber(ARGV[6]) then
        wanted = 0
    else
        redis.call('HSET', KEYS[1], 'asked_at', clock)
    end
end

local function is_full(field, limit)
    local known = limit ~= '' and redis.call('HGET', KEYS[3], field)
    if not known then return false end
    local day, reached = string.match(known, '^(%d+):(%d+)$')
    return day == ARGV[4] and tonumber(reached) >= tonumber(limit)
end

if wanted == 0 and word[4] == '1' then
    if tonumber(ARGV[3]) < tonumber(word[5]) then return {'not_started', word[5], epoch, 0} end
    if word[6] == '1' then return {'sold_out', '0', epoch, 0} end
    local claimed = tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or '0')
    local limit = tonumber(word[7])
    if claimed >= limit then return {'shopper', word[7], epoch, 0} end
    if is_full(ARGV[1], word[8]) then return {'shopper_day', word[8], epoch, 0} end
    if is_full('all', word[9]) then return {'day', word[9], epoch, 0} end
    redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', clock)
    if claimed + redis.call('ZCARD', KEYS[4]) >= limit then
        local first = redis.call('ZRANGE', KEYS[4], 0, 0, 'WITHSCORES')
        return {'in_flight', string.format('%d', tonumber(first[2]) - clock), epoch, 0}
    end
end

redis.call('ZADD', KEYS[4], clock + tonumber(ARGV[7]), ARGV[2])
redis.call('PEXPIRE', KEYS[4], ARGV[7])
return {'enter', '0', epoch, wanted}
"""
)

# Notes how many claims shoppers have made. What is known only grows, so that notes may come in any order, and twice.
# KEYS: holders; ARGV: kept for (milliseconds), then shoppers and claims
RAISE = """
for number = 2, #ARGV, 2 do
    if tonumber(ARGV[number + 1]) > tonumber(redis.call('HGET', KEYS[1], ARGV[number]) or '0') then
        redis.call('HSET', KEYS[1], ARGV[number], ARGV[number + 1])
    end
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
"""

# The same for one shopper who gives a place back.
# KEYS: holders, places of the shopper; ARGV: kept for (milliseconds), shopper, claims, token
LEAVE_WITH_CLAIM = """
if tonumber(ARGV[3]) > tonumber(redis.call('HGET', KEYS[1], ARGV[2]) or '0') then
    redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[4])
return 1
"""

# Notes that a limit was reached on a day.
# KEYS: full; ARGV: shopper or 'all', day, limit, kept for (milliseconds)
NOTE_FULL = """
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ':' .. ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
"""

# Notes a word of the database, unless the stock was changed since it was asked for, or is being changed.
# KEYS: word; ARGV: epoch, kept for, then fields and values
CONFIRM = (
    CLOCK
    + """
local known = redis.call('HMGET', KEYS[1], 'epoch', 'unsettled_until')
if (known[1] or '') ~= ARGV[1] or tonumber(known[2] or '0') > clock then return 0 end
redis.call('HSET', KEYS[1], 'confirmed_at', clock, unpack(ARGV, 3))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""
)

# Makes every word void: those that stand and those that were asked for before.
# KEYS: word; ARGV: new epoch, for how long no word is taken (milliseconds), kept for
CHANGE = (
    CLOCK
    + """
redis.call('HDEL', KEYS[1], 'confirmed_at')
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'unsettled_until', clock + tonumber(ARGV[2]))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
"""
)

# Puts a field of a hash right, unless it has changed since it was seen to be wrong.
# KEYS: hash; ARGV: field, value seen, right value or ''
REPAIR = """
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
if ARGV[3] == '' then redis.call('HDEL', KEYS[1], ARGV[1]) else redis.call('HSET', KEYS[1], ARGV[1], ARGV[3]) end
return 1
"""

# KEYS: word; ARGV: fresh for (milliseconds)
SAYS_SOLD_OUT = (
    CLOCK
    + """
local word = redis.call('HMGET', KEYS[1], 'confirmed_at', 'is_plain', 'is_sold_out')
if word[1] and clock - tonumber(word[1]) < tonumber(ARGV[1]) and word[2] == '1' and word[3] == '1' then return 1 end
return 0
"""
)
