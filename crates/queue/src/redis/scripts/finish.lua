-- member, fence -> 'ok' | 'stale'
local member = ARGV[1]
if not in_pool_of_member(member) then return 'stale' end
local job = read_job(member)
if not job or (job.stage ~= 'held' and job.stage ~= 'orphaned') or job.fence ~= ARGV[2] then return 'stale' end
end_job(member, job)
return 'ok'
