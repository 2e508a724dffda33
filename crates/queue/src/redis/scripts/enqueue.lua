-- member, invocation, pool, repeat, lock, at, load -> 1 stored, 0 there was one, -1 the invocation is of another pool
local member, pool = ARGV[1], ARGV[3]
-- First, because only a gateway may: nothing else happens then.
if not belongs(ARGV[2], pool) then return -1 end
in_pool(pool)
if redis.call('EXISTS', job_key(member)) == 1 then return 0 end
redis.call('SET', Q .. 'load:' .. member, ARGV[7], 'EX', KEEP)
local order = next_number('order')
redis.call('HSET', job_key(member), 'repeat', ARGV[4], 'lock', ARGV[5], 'at', ARGV[6], 'order', order,
  'repeated', '0', 'cancelled', '0', 'stage', 'queued', 'not_before', '0', 'started', '0', 'fence', '', 'until', '', 'worker', '')
redis.call('EXPIRE', job_key(member), KEEP)
redis.call('ZADD', Q .. 'ready', order, member)
wait_in_line(member, ARGV[5], order)
news('work')
return 1
