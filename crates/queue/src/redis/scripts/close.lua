-- invocation, at
local id = ARGV[1]
redis.call('ZREM', P .. 'open', id)
if redis.call('ZSCORE', P .. 'closed', id) then return 0 end
redis.call('ZADD', P .. 'closed', ARGV[2], id)
if in_pool_of(id) then
  news('invocation:' .. id)
  news('board')
end
return 1
