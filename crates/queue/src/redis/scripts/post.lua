-- invocation, kind, json -> 1 stored, 0 kept
local id, kind = ARGV[1], ARGV[2]
local key = P .. kind .. ':' .. id
if kind ~= 'asked' and redis.call('EXISTS', key) == 1 then return 0 end
redis.call('SET', key, ARGV[3], 'EX', KEEP)
if kind == 'asked' and not redis.call('ZSCORE', P .. 'closed', id) then redis.call('ZADD', P .. 'open', 0, id) end
news('invocation:' .. id)
news('board')
return 1
