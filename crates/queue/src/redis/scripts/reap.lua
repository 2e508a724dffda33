-- now, most repeats -> {requeued members…}, {member, pool, worker, fence of each orphan…}
local requeued, orphans = {}, {}
for _, member in ipairs(redis.call('ZRANGEBYSCORE', P .. 'held', '-inf', ARGV[1], 'LIMIT', 0, 256)) do
  local job = read_job(member)
  if not job or job.stage ~= 'held' then
    redis.call('ZREM', P .. 'held', member)
  -- Cancelled work is not tried again, and somebody must tell how it ended: perhaps its worker won fate before it died.
  elseif job.cancelled == '1' or (job.started == '1' and (job['repeat'] ~= 'safe' or (tonumber(job.repeated) or 0) >= tonumber(ARGV[2]))) then
    redis.call('ZREM', P .. 'held', member)
    redis.call('SADD', P .. 'orphans', member)
    redis.call('HSET', job_key(member), 'stage', 'orphaned', 'fence', next_number('fence'))
    news('pool:' .. job.pool)
  else
    if job.started == '1' then redis.call('HINCRBY', job_key(member), 'repeated', 1) end
    if put_back(member, job, '0') then requeued[#requeued + 1] = member end
  end
end
for _, member in ipairs(redis.call('SMEMBERS', P .. 'orphans')) do
  local job = read_job(member)
  if not job or job.stage ~= 'orphaned' then
    redis.call('SREM', P .. 'orphans', member)
  else
    for _, value in ipairs({member, job.pool, job.worker, job.fence}) do orphans[#orphans + 1] = value end
  end
end
return {requeued, orphans}
