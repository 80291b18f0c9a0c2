-- Takes a lock that nobody holds; else leaves a mark that somebody wants it, and says for how many milliseconds it is held at most.
-- KEYS: the lock, the mark. ARGV: the taker's value, how long the lock lasts, how long the mark lasts (both in milliseconds).
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
    return -1
end
redis.call('SET', KEYS[2], '1', 'PX', ARGV[3])
return math.max(redis.call('PTTL', KEYS[1]), 0)
