-- The best of a window of days, and how far its generation has followed each lane. Nothing, if no generation answers.
-- The union of a window is kept for as long as nothing changes, but no longer than a minute.
-- KEYS: which generation answers. ARGV: what generations' names begin with, first day, last day, how many.
local name = redis.call('GET', KEYS[1])
if not name then
    return false
end
local generation = ARGV[1] .. name
local stands = redis.call('HGETALL', generation)
if #stands == 0 then
    return false
end
local days = {}
for day = tonumber(ARGV[2]), tonumber(ARGV[3]) do
    days[#days + 1] = generation .. ':' .. string.format('%d', day)
end
local from = days[1]
if #days > 1 then
    from = generation .. ':window:' .. ARGV[2] .. ':' .. ARGV[3]
    local changes = redis.call('HGET', generation, 'changes')
    if redis.call('GET', from .. ':changes') ~= changes then
        redis.call('ZUNIONSTORE', from, #days, unpack(days))
        redis.call('EXPIRE', from, 60)
        redis.call('SET', from .. ':changes', changes, 'EX', 60)
    end
end
return { stands, redis.call('ZRANGE', from, 0, tonumber(ARGV[4]) - 1, 'WITHSCORES') }
