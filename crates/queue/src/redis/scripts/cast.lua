-- invocation, human and vote, json -> nothing when it counts, else the first one
local key = P .. 'ballots:' .. ARGV[1]
local first = redis.call('HGET', key, ARGV[2])
if first then return first end
redis.call('HSET', key, ARGV[2], ARGV[3])
redis.call('EXPIRE', key, KEEP)
news('invocation:' .. ARGV[1])
news('board')
return false
