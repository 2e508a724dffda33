-- invocation, members… -> 0 nothing, 1 before the claim, 2 before the start, 3 after it
if not in_pool_of(ARGV[1]) then return 0 end
local met = 0
for i = 2, #ARGV do
  local member = ARGV[i]
  local job = read_job(member)
  if job and job.stage == 'queued' then
    end_job(member, job)
    met = math.max(met, 1)
  elseif job and job.stage ~= 'ended' then
    redis.call('HSET', job_key(member), 'cancelled', '1')
    met = math.max(met, (job.stage == 'held' and job.started ~= '1') and 2 or 3)
  end
end
news('cancellation:' .. ARGV[1])
news('invocation:' .. ARGV[1])
return met
