-- Before every script. KEYS[1] is the prefix of the installation, `{cs:NAME}:`, its one hash tag.
local P = KEYS[1]
-- Whatever a dead gateway left behind goes by itself, long after every expiry.
local KEEP = 2592000

-- The prefix of one pool's keys: nobody else's worker has a right to any of them. Each script says first whose it needs.
local Q
local function in_pool(pool)
  Q = P .. 'pool:' .. pool .. ':'
end

-- The pool that the gateway asked for an invocation in; false when it is not known, or no longer.
local function in_pool_of(id)
  local pool = redis.call('GET', P .. 'where:' .. id)
  if pool then in_pool(pool) end
  return pool
end

local function in_pool_of_member(member) return in_pool_of(string.match(member, '^[^/]*')) end

-- An invocation has one pool for life. Only a gateway may say which.
local function belongs(id, pool)
  local known = redis.call('GET', P .. 'where:' .. id)
  if known and known ~= pool then return false end
  redis.call('SET', P .. 'where:' .. id, pool, 'EX', KEEP)
  return true
end

-- Numbers beyond 2^31 must not become 1.8e+15. They stay below 2^53.
local function text(n) return string.format('%.0f', n) end

-- A number higher than every one before in this pool, also after this server lost its data: it is at least the
-- time in microseconds.
local function next_number(name)
  local time = redis.call('TIME')
  local floor = tonumber(time[1]) * 1000000 + tonumber(time[2])
  local last = tonumber(redis.call('GET', Q .. 'last:' .. name) or '0') or 0
  local n = math.max(last + 1, floor)
  redis.call('SET', Q .. 'last:' .. name, text(n))
  return text(n)
end

local function news(topic) redis.call('PUBLISH', Q .. 'news:' .. topic, '') end

local function job_key(member) return Q .. 'job:' .. member end

-- A worker of this pool was heard of. Not at every look: each is a write.
local function here(worker, now)
  local key = Q .. 'here'
  if tonumber(now) - (tonumber(redis.call('ZSCORE', key, worker) or '') or 0) < 5000 then return end
  redis.call('ZADD', key, now, worker)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', tonumber(now) - 86400000)
  redis.call('EXPIRE', key, KEEP)
end

-- Leaves the lock to others, if this work has it.
local function unlock(member, lock)
  if lock and lock ~= '' and redis.call('GET', Q .. 'lock:' .. lock) == member then
    redis.call('DEL', Q .. 'lock:' .. lock)
  end
end

-- Who waits for a lock, in order: for people to look at.
local function line(lock) return Q .. 'line:' .. lock end

local function wait_in_line(member, lock, order)
  if lock and lock ~= '' then
    redis.call('ZADD', line(lock), order, member)
    redis.call('EXPIRE', line(lock), KEEP)
  end
end

local function leave_line(member, lock)
  if lock and lock ~= '' then redis.call('ZREM', line(lock), member) end
end

-- Out of every index; the stage is the caller's to set.
local function unindex(member, job)
  leave_line(member, job.lock)
  redis.call('ZREM', Q .. 'ready', member)
  redis.call('ZREM', Q .. 'held', member)
  redis.call('SREM', Q .. 'orphans', member)
end

-- Whose work has a lock: held, or waiting to be settled. One that was left behind keeps nobody out.
local function holder(lock)
  local by = lock ~= '' and redis.call('GET', Q .. 'lock:' .. lock)
  if not by then return nil end
  local stage = redis.call('HGET', job_key(by), 'stage')
  return (stage == 'held' or stage == 'orphaned') and by or nil
end

local FIELDS = {'lock', 'stage', 'not_before', 'fence', 'until', 'started', 'cancelled', 'repeated', 'repeat', 'order', 'worker'}

local function read_job(member)
  local values = redis.call('HMGET', job_key(member), unpack(FIELDS))
  if not values[2] then return nil end
  local job = {}
  for i, name in ipairs(FIELDS) do job[name] = values[i] or '' end
  return job
end

-- Nothing more will happen.
local function end_job(member, job)
  unindex(member, job)
  unlock(member, job.lock)
  redis.call('HSET', job_key(member), 'stage', 'ended')
  news('work')
end

-- Back to its place in the queue, unless somebody cancelled meanwhile.
local function put_back(member, job, not_before)
  if job.cancelled == '1' then
    end_job(member, job)
    return false
  end
  unindex(member, job)
  unlock(member, job.lock)
  redis.call('HSET', job_key(member), 'stage', 'queued', 'not_before', not_before, 'started', '0')
  redis.call('ZADD', Q .. 'ready', job.order, member)
  wait_in_line(member, job.lock, job.order)
  news('work')
  return true
end
