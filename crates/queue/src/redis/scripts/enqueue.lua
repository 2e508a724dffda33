-- member, pool, repeat, lock, at, load -> 1 stored, 0 there was one
local member, pool = ARGV[1], ARGV[2]
if redis.call('EXISTS', job_key(member)) == 1 then return 0 end
-- First, because only a gateway may: nothing else happens then.
redis.call('SET', P .. 'load:' .. member, ARGV[6], 'EX', KEEP)
local order = next_number('order')
redis.call('HSET', job_key(member), 'pool', pool, 'repeat', ARGV[3], 'lock', ARGV[4], 'at', ARGV[5], 'order', order,
  'repeated', '0', 'cancelled', '0', 'stage', 'queued', 'not_before', '0', 'started', '0', 'fence', '', 'until', '', 'worker', '')
redis.call('EXPIRE', job_key(member), KEEP)
redis.call('ZADD', P .. 'ready:' .. pool, order, member)
wait_in_line(member, ARGV[4], order)
news('pool:' .. pool)
return 1
