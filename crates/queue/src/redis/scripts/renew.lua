-- member, fence, now, until -> 'held' | 'cancelled' | 'lost'
local member = ARGV[1]
local job = read_job(member)
if not job or job.stage ~= 'held' or job.fence ~= ARGV[2] or tonumber(job['until']) <= tonumber(ARGV[3]) then return 'lost' end
redis.call('HSET', job_key(member), 'until', ARGV[4])
redis.call('ZADD', P .. 'held', ARGV[4], member)
if job.cancelled == '1' then return 'cancelled' end
return 'held'
