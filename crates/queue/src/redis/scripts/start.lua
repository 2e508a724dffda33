-- member, fence, now -> 'ok' | 'stale' | 'started' | 'cancelled'
local member = ARGV[1]
if not in_pool_of_member(member) then return 'stale' end
local job = read_job(member)
if not job or job.stage ~= 'held' or job.fence ~= ARGV[2] or tonumber(job['until']) <= tonumber(ARGV[3]) then return 'stale' end
if job.started == '1' then return 'started' end
if job.cancelled == '1' then return 'cancelled' end
redis.call('HSET', job_key(member), 'started', '1')
return 'ok'
