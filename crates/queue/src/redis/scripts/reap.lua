-- pool, now, most repeats -> {requeued members…}, {member, worker, fence of each orphan…}
in_pool(ARGV[1])
local requeued, orphans = {}, {}
for _, member in ipairs(redis.call('ZRANGEBYSCORE', Q .. 'held', '-inf', ARGV[2], 'LIMIT', 0, 256)) do
  local job = read_job(member)
  if not job or job.stage ~= 'held' then
    redis.call('ZREM', Q .. 'held', member)
  -- Cancelled work is not tried again, and somebody must tell how it ended: perhaps its worker won fate before it died.
  elseif job.cancelled == '1' or (job.started == '1' and (job['repeat'] ~= 'safe' or (tonumber(job.repeated) or 0) >= tonumber(ARGV[3]))) then
    redis.call('ZREM', Q .. 'held', member)
    redis.call('SADD', Q .. 'orphans', member)
    redis.call('HSET', job_key(member), 'stage', 'orphaned', 'fence', next_number('fence'))
    news('work')
  else
    if job.started == '1' then redis.call('HINCRBY', job_key(member), 'repeated', 1) end
    if put_back(member, job, '0') then requeued[#requeued + 1] = member end
  end
end
for _, member in ipairs(redis.call('SMEMBERS', Q .. 'orphans')) do
  local job = read_job(member)
  if not job or job.stage ~= 'orphaned' then
    redis.call('SREM', Q .. 'orphans', member)
  else
    for _, value in ipairs({member, job.worker, job.fence}) do orphans[#orphans + 1] = value end
  end
end
return {requeued, orphans}
