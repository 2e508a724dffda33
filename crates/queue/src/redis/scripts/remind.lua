-- invocation, at, now -> 1 it is up, 0 nobody knows the invocation. What it is about stays until then and longer.
local id = ARGV[1]
if not in_pool_of(id) then return 0 end
local keep = KEEP + math.max(0, math.floor((tonumber(ARGV[2]) - tonumber(ARGV[3])) / 1000))
for _, kind in ipairs({'asked', 'effect', 'outcome'}) do redis.call('EXPIRE', Q .. kind .. ':' .. id, keep) end
redis.call('EXPIRE', P .. 'where:' .. id, keep)
redis.call('ZADD', P .. 'due', ARGV[2], id)
return 1
