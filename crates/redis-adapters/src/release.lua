-- Gives a lock up, if it is still held under this value. KEYS: the lock. ARGV: the holder's value.
if redis.call('GET', KEYS[1]) == ARGV[1] then
    return redis.call('DEL', KEYS[1])
end
return 0
