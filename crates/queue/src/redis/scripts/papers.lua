-- invocation -> {asked, effect, outcome, {ballots…}}, each nothing when it is not there
if not in_pool_of(ARGV[1]) then return {false, false, false, {}} end
local found = {}
for i, kind in ipairs({'asked', 'effect', 'outcome'}) do found[i] = redis.call('GET', Q .. kind .. ':' .. ARGV[1]) end
found[4] = redis.call('HVALS', Q .. 'ballots:' .. ARGV[1])
return found
