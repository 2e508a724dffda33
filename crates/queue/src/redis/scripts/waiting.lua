-- member -> {lock, who has it or '', place among those who wait}, or nothing
local member = ARGV[1]
if not in_pool_of_member(member) then return false end
local job = read_job(member)
if not job or job.stage ~= 'queued' or job.lock == '' then return false end
local position = 1
for _, other in ipairs(redis.call('ZRANGE', line(job.lock), 0, 255)) do
  if other == member then break end
  local found = redis.call('HMGET', job_key(other), 'stage', 'lock')
  if found[1] == 'queued' and found[2] == job.lock then position = position + 1 end
end
return {job.lock, holder(job.lock) or '', position}
