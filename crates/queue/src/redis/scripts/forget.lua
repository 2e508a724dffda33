-- closed before, exclusive -> forgotten invocations
local forgotten = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'closed', '-inf', '(' .. ARGV[1], 'LIMIT', 0, 256)) do
  local known = in_pool_of(id)
  local members = {id .. '/preview', id .. '/run'}
  local ended = true
  for _, member in ipairs(known and members or {}) do
    local stage = redis.call('HGET', job_key(member), 'stage')
    if stage and stage ~= 'ended' then ended = false end
  end
  if redis.call('ZSCORE', P .. 'due', id) then ended = false end
  -- A lease on it would dangle; it is forgotten when the work has ended and nothing is left to say of it.
  if ended then
    if known then
      for _, member in ipairs(members) do redis.call('DEL', job_key(member), Q .. 'load:' .. member) end
      for _, kind in ipairs({'asked', 'effect', 'outcome', 'ballots', 'feed', 'feedhead'}) do redis.call('DEL', Q .. kind .. ':' .. id) end
      redis.call('DEL', P .. 'where:' .. id)
    end
    redis.call('ZREM', P .. 'closed', id)
    forgotten[#forgotten + 1] = id
  end
end
return forgotten
