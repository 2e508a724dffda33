-- invocation, human and vote, json -> {0, ''} when nobody knows the invocation, {1, ''} when it counts, {2, the first one}
if not in_pool_of(ARGV[1]) then return {0, ''} end
local key = Q .. 'ballots:' .. ARGV[1]
local first = redis.call('HGET', key, ARGV[2])
if first then return {2, first} end
redis.call('HSET', key, ARGV[2], ARGV[3])
redis.call('EXPIRE', key, KEEP)
news('invocation:' .. ARGV[1])
news('board')
return {1, ''}
