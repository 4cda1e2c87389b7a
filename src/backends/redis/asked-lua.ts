/**
 * What is asked of a script. KEYS[1] is the prefix; ARGV[1] names what is asked, as JSON, in which bytes are named by where they stand, from and to, in
 * ARGV[2]. Numbers are told with all their digits, nothing as false.
 */
export const askedLua: string = String.raw`
local P = KEYS[1]
local asked = cjson.decode(ARGV[1])
local now = asked.now
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

local function number(value) return value and string.format('%.17g', value) end
local function bytes(range) return range and string.sub(ARGV[2], range[1], range[2]) end
`
