-- Keeps a lock for another while (1); gives way if somebody wants it (2); says so if it is not held under this value any more (0).
-- KEYS: the lock, the mark. ARGV: the holder's value, how long the lock lasts in milliseconds.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
    return 0
end
if redis.call('DEL', KEYS[2]) == 1 then
    redis.call('DEL', KEYS[1])
    return 2
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
