-- invocation, pool, kind, json -> 1 stored, 0 kept, -1 the invocation is of another pool
local id, kind = ARGV[1], ARGV[3]
if kind == 'asked' and not belongs(id, ARGV[2]) then return -1 end
in_pool(ARGV[2])
local key = Q .. kind .. ':' .. id
if kind ~= 'asked' and redis.call('EXISTS', key) == 1 then return 0 end
redis.call('SET', key, ARGV[4], 'EX', KEEP)
if kind == 'asked' and not redis.call('ZSCORE', P .. 'closed', id) then redis.call('ZADD', P .. 'open', 0, id) end
news('invocation:' .. id)
news('board')
return 1
