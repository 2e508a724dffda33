-- digest of the key, until, now -> 1 new, 0 seen. The caller's clock decides; ours only cleans up.
local key = P .. 'once:' .. ARGV[1]
local before = tonumber(redis.call('GET', key) or '')
if before and tonumber(ARGV[3]) < before then return 0 end
local left = math.max(1, tonumber(ARGV[2]) - tonumber(ARGV[3]))
redis.call('SET', key, ARGV[2], 'PX', text(left + 60000))
return 1
