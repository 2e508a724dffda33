-- name, holder, until, now -> 1 has it, 0 somebody else has
local key = P .. 'watch:' .. ARGV[1]
local held = redis.call('HMGET', key, 'holder', 'until')
if held[1] and held[1] ~= ARGV[2] and tonumber(ARGV[4]) < (tonumber(held[2]) or 0) then return 0 end
redis.call('HSET', key, 'holder', ARGV[2], 'until', ARGV[3])
redis.call('PEXPIRE', key, text(math.max(1, tonumber(ARGV[3]) - tonumber(ARGV[4])) + 60000))
return 1
