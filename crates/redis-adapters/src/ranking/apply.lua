-- Adds changes of one lane's rows (FROM, TO] to a generation, once: whoever comes with other rows than the next ones is told so.
-- KEYS: the generation, the set of its days, a sorted set for each day.
-- ARGV: lane, FROM, TO, days that are kept; then for each day: day, how many products, and for each product its name and what is added.
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
    return 0
end
local at = 5
for key = 3, #KEYS do
    local day = tonumber(ARGV[at])
    local products = tonumber(ARGV[at + 1])
    at = at + 2
    for _ = 1, products do
        if tonumber(redis.call('ZINCRBY', KEYS[key], ARGV[at + 1], ARGV[at])) == 0 then
            redis.call('ZREM', KEYS[key], ARGV[at])
        end
        at = at + 2
    end
    redis.call('SADD', KEYS[2], day)
    redis.call('EXPIREAT', KEYS[key], (day + tonumber(ARGV[4]) + 1) * 86400)
end
if #KEYS > 2 then
    redis.call('HINCRBY', KEYS[1], 'changes', 1)
    -- What is not finished goes if nobody finishes it.
    local left = redis.call('TTL', KEYS[1])
    if left > 0 then
        redis.call('EXPIRE', KEYS[2], left)
    end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
