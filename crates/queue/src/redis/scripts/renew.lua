-- member, fence, now, until -> 'held' | 'cancelled' | 'lost'
local member = ARGV[1]
if not in_pool_of_member(member) then return 'lost' end
local job = read_job(member)
if not job or job.stage ~= 'held' or job.fence ~= ARGV[2] or tonumber(job['until']) <= tonumber(ARGV[3]) then return 'lost' end
redis.call('HSET', job_key(member), 'until', ARGV[4])
redis.call('ZADD', Q .. 'held', ARGV[4], member)
here(job.worker, ARGV[3])
if job.cancelled == '1' then return 'cancelled' end
return 'held'
