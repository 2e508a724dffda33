-- pool -> members that a worker holds, or that wait to be settled
in_pool(ARGV[1])
local found = {}
local function take(members, stage)
  for _, member in ipairs(members) do
    local job = read_job(member)
    if job and job.stage == stage then found[#found + 1] = member end
  end
end
take(redis.call('ZRANGE', Q .. 'held', 0, -1), 'held')
take(redis.call('SMEMBERS', Q .. 'orphans'), 'orphaned')
return found
