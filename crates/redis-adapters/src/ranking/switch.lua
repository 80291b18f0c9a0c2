-- Lets a finished generation be the one that answers, instead of OLD (empty: none), which goes with all its days.
-- KEYS: which answers, the new generation, the set of its days, OLD, the set of OLD's days (the last two are the new ones' where there is none).
-- ARGV: the new one's name, OLD's name, days that are kept.
local now = redis.call('GET', KEYS[1]) or ''
if now ~= ARGV[2] or redis.call('EXISTS', KEYS[2]) == 0 then
    return 0
end
for _, day in ipairs(redis.call('SMEMBERS', KEYS[3])) do
    redis.call('EXPIREAT', KEYS[2] .. ':' .. day, (tonumber(day) + tonumber(ARGV[3]) + 1) * 86400)
end
redis.call('PERSIST', KEYS[2])
redis.call('PERSIST', KEYS[3])
redis.call('SET', KEYS[1], ARGV[1])
if ARGV[2] ~= '' then
    for _, day in ipairs(redis.call('SMEMBERS', KEYS[5])) do
        redis.call('UNLINK', KEYS[4] .. ':' .. day)
    end
    redis.call('UNLINK', KEYS[4], KEYS[5])
end
return 1
