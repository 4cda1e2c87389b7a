import { askedLua } from './asked-lua.ts'
import { type Script, scriptOf } from './script.ts'

// How a job comes to a worker that waits for one, without its asking.

/** Who serves more queues is handed nothing: all of them are looked into for each job that is. */
const mostQueues = 10

/** A worker that holds nothing now that its `request` was answered waits, where it asked for that; any other waits no more. What it was handed while it asked it holds. */
export const waitLua: string = String.raw`
if request.waits and #request.queues <= ${mostQueues} and redis.call('EXISTS', P .. ':held:' .. request.worker) == 0 then
  local serves = { queues = {}, lines = {} }
  for _, queue in ipairs(request.queues) do serves.queues[queue] = true end
  for line, room in pairs(request.room) do serves.lines[line] = room > 0 end
  redis.call('HSET', P .. ':idle', request.worker, cmsgpack.pack(serves))
else
  redis.call('HDEL', P .. ':idle', request.worker)
end
`

/** A larger payload is not handed over: a server ends connections on which more is told than is read, and a round trip is little beside it. In bytes. */
const mostHanded = 2 ** 16

/**
 * Hands a job that comes alone to a worker that waits for such a one (one of three in `P:idle`, at random), where that would have taken no other before, as if it had asked at this moment: two round trips, and as many
 * processes to wake, fewer until it starts. The worker is told when, the queue and the id, each in a line, and what the job was born with. Where nobody hears for a worker it is forgotten, and the job published as
 * others are: so a worker that has died is handed nothing once the server has seen its connection end.
 */
export const handOverLua: string = String.raw`
  if isLone and isReady and not expires and not heard and #ARGV[2] <= ${mostHanded} then
    -- Who publishes may not be allowed to.
    local idle = redis.pcall('HRANDFIELD', P .. ':idle', 3, 'WITHVALUES')
    for index = 1, #idle, 2 do
      local worker, serves, id = idle[index], cmsgpack.unpack(idle[index + 1]), ids[1]
      local isNext = serves.queues[queue] and serves.lines[group[3]] and tonumber(redis.call('ZSCORE', P .. ':workers', worker) or 0) > now
      for other in pairs(isNext and serves.queues or {}) do
        local base = P .. ':{' .. other .. '}:'
        isNext = redis.call('HEXISTS', P .. ':gated', other) == 0 and redis.call('EXISTS', base .. 'line:' .. group[3]) == 0 and redis.call('ZCOUNT', base .. 'due', '-inf', number(now)) == 0
        if not isNext then break end
      end
      if isNext then
        redis.call('HDEL', P .. ':idle', worker)
        local channel, born = P .. ':handed:' .. asked.database .. ':' .. worker, shared .. cmsgpack.pack(ARGV[2])
        -- Who hears all channels is not the worker; and who publishes may not be allowed to tell either.
        local isHeard = redis.call('PUBSUB', 'NUMSUB', channel)[2] > 0
        if isHeard and type(redis.pcall('PUBLISH', channel, number(now) .. '\n' .. queue .. '\n' .. id .. '\n' .. born)) == 'number' then
          redis.call('HSET', at('jobs'), id, born)
          redis.call('HSET', at('moved'), id, cmsgpack.pack({ 'active', 1, 1, now, worker }))
          redis.call('HSET', P .. ':held:' .. worker, id, queue)
          redis.call('HSET', P .. ':handed', worker, queue .. '\n' .. id)
          redis.call('HINCRBY', at('counts'), 'active', 1)
          redis.call('SADD', P .. ':queues', queue)
          return 1
        end
      end
    end
  end
`

/** What a worker was told last, where it still holds that job: it may not have heard it, as its connection broke. */
export const handedLast: Script = scriptOf(askedLua, String.raw`
local last = redis.call('HGET', P .. ':handed', asked.worker)
if not last then return false end
local queue, id = string.match(last, '^(.-)\n(.*)$')
local function about(name) return redis.call('HGET', P .. ':{' .. queue .. '}:' .. name, id) end
local state, _, token, startedAt, worker = unpack(cmsgpack.unpack(about('moved') or '\144'))
if state ~= 'active' or token ~= 1 or worker ~= asked.worker then return false end
return number(startedAt) .. '\n' .. queue .. '\n' .. id .. '\n' .. about('jobs')
`, false)
