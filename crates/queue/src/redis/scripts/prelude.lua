-- Before every script. KEYS[1] is the prefix of the installation, `{cs:NAME}:`, its one hash tag.
local P = KEYS[1]
-- Whatever a dead gateway left behind goes by itself, long after every expiry.
local KEEP = 2592000

-- Numbers beyond 2^31 must not become 1.8e+15. They stay below 2^53.
local function text(n) return string.format('%.0f', n) end

-- A number higher than every one before, also after this server lost its data: it is at least the
-- time in microseconds.
local function next_number(name)
  local time = redis.call('TIME')
  local floor = tonumber(time[1]) * 1000000 + tonumber(time[2])
  local last = tonumber(redis.call('GET', P .. 'last:' .. name) or '0') or 0
  local n = math.max(last + 1, floor)
  redis.call('SET', P .. 'last:' .. name, text(n))
  return text(n)
end

local function news(topic) redis.call('PUBLISH', P .. 'news:' .. topic, '') end

local function job_key(member) return P .. 'job:' .. member end

-- Leaves the lock to others, if this work has it.
local function unlock(member, lock)
  if lock and lock ~= '' and redis.call('GET', P .. 'lock:' .. lock) == member then
    redis.call('DEL', P .. 'lock:' .. lock)
  end
end

-- Who waits for a lock, in order: for people to look at.
local function line(lock) return P .. 'line:' .. lock end

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
  redis.call('ZREM', P .. 'ready:' .. job.pool, member)
  redis.call('ZREM', P .. 'held', member)
  redis.call('SREM', P .. 'orphans', member)
end

-- Whose work has a lock: held, or waiting to be settled. One that was left behind keeps nobody out.
local function holder(lock)
  local by = lock ~= '' and redis.call('GET', P .. 'lock:' .. lock)
  if not by then return nil end
  local stage = redis.call('HGET', job_key(by), 'stage')
  return (stage == 'held' or stage == 'orphaned') and by or nil
end

local FIELDS = {'pool', 'lock', 'stage', 'not_before', 'fence', 'until', 'started', 'cancelled', 'repeated', 'repeat', 'order', 'worker'}

local function read_job(member)
  local values = redis.call('HMGET', job_key(member), unpack(FIELDS))
  if not values[3] then return nil end
  local job = {}
  for i, name in ipairs(FIELDS) do job[name] = values[i] or '' end
  return job
end

-- Nothing more will happen.
local function end_job(member, job)
  unindex(member, job)
  unlock(member, job.lock)
  redis.call('HSET', job_key(member), 'stage', 'ended')
  news('pool:' .. job.pool)
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
  redis.call('ZADD', P .. 'ready:' .. job.pool, job.order, member)
  wait_in_line(member, job.lock, job.order)
  news('pool:' .. job.pool)
  return true
end
