-- pool, invocation, most entries, most bytes, then size and json of each -> the last number
in_pool(ARGV[1])
local id = ARGV[2]
local feed, head = Q .. 'feed:' .. id, Q .. 'feedhead:' .. id
local known = redis.call('HMGET', head, 'last', 'entries', 'bytes', 'gone')
local last, entries = tonumber(known[1] or '0'), tonumber(known[2] or '0')
local bytes, gone = tonumber(known[3] or '0'), known[4] or '0'
if #ARGV == 4 then return text(last) end
local time = redis.call('TIME')
local floor = tonumber(time[1]) * 1000000 + tonumber(time[2])
for i = 5, #ARGV, 2 do
  last = math.max(last + 1, floor)
  redis.call('XADD', feed, text(last) .. '-0', 's', ARGV[i], 'e', ARGV[i + 1])
  entries, bytes = entries + 1, bytes + tonumber(ARGV[i])
end
while entries > 1 and (entries > tonumber(ARGV[3]) or bytes > tonumber(ARGV[4])) do
  local oldest = redis.call('XRANGE', feed, '-', '+', 'COUNT', 1)[1]
  if not oldest then break end
  redis.call('XDEL', feed, oldest[1])
  entries, bytes = entries - 1, math.max(0, bytes - tonumber(oldest[2][2]))
  gone = string.match(oldest[1], '^%d+')
end
redis.call('HSET', head, 'last', text(last), 'entries', text(entries), 'bytes', text(bytes), 'gone', gone)
redis.call('EXPIRE', head, KEEP)
redis.call('EXPIRE', feed, KEEP)
news('invocation:' .. id)
return text(last)
