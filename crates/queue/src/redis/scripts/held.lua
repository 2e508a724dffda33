-- pool -> members that a worker holds, or that wait to be settled
local found = {}
local function take(members, stage)
  for _, member in ipairs(members) do
    local job = read_job(member)
    if job and job.stage == stage and job.pool == ARGV[1] then found[#found + 1] = member end
  end
end
take(redis.call('ZRANGE', P .. 'held', 0, -1), 'held')
take(redis.call('SMEMBERS', P .. 'orphans'), 'orphaned')
return found
