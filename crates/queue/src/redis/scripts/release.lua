-- member, fence, not_before -> 'ok' | 'stale' | 'started'
local member = ARGV[1]
if not in_pool_of_member(member) then return 'stale' end
local job = read_job(member)
if not job or job.stage ~= 'held' or job.fence ~= ARGV[2] then return 'stale' end
if job.started == '1' then return 'started' end
put_back(member, job, ARGV[3])
return 'ok'
