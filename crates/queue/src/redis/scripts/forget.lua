-- closed before, exclusive -> forgotten invocations
local forgotten = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'closed', '-inf', '(' .. ARGV[1], 'LIMIT', 0, 256)) do
  local members = {id .. '/preview', id .. '/run'}
  local ended = true
  for _, member in ipairs(members) do
    local stage = redis.call('HGET', job_key(member), 'stage')
    if stage and stage ~= 'ended' then ended = false end
  end
  -- A lease on it would dangle; it is forgotten when the work has ended.
  if ended then
    for _, member in ipairs(members) do redis.call('DEL', job_key(member), P .. 'load:' .. member) end
    for _, kind in ipairs({'asked', 'effect', 'outcome', 'ballots', 'feed', 'feedhead'}) do redis.call('DEL', P .. kind .. ':' .. id) end
    redis.call('ZREM', P .. 'closed', id)
    forgotten[#forgotten + 1] = id
  end
end
return forgotten
