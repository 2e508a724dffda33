-- pool, worker, now, until -> {member, fence, load}, or nothing
local worker, now, ends = ARGV[2], tonumber(ARGV[3]), ARGV[4]
in_pool(ARGV[1])
here(worker, ARGV[3])
local ready = Q .. 'ready'
local from = 0

while true do
  local members = redis.call('ZRANGE', ready, from, from + 63)
  if #members == 0 then return false end
  for _, member in ipairs(members) do
    local job = read_job(member)
    if not job or job.stage ~= 'queued' then
      redis.call('ZREM', ready, member)
    elseif (tonumber(job.not_before) or 0) > now or holder(job.lock) then
      from = from + 1
    else
      local load = redis.call('GET', Q .. 'load:' .. member)
      if not load then
        -- Without it the work is as good as never offered: so it can be offered again.
        unindex(member, job)
        redis.call('DEL', job_key(member))
      else
        local fence = next_number('fence')
        redis.call('HSET', job_key(member), 'stage', 'held', 'worker', worker, 'fence', fence, 'until', ends, 'started', '0')
        redis.call('ZREM', ready, member)
        leave_line(member, job.lock)
        redis.call('ZADD', Q .. 'held', ends, member)
        if job.lock ~= '' then redis.call('SET', Q .. 'lock:' .. job.lock, member, 'EX', KEEP) end
        return {member, fence, load}
      end
    end
  end
end
