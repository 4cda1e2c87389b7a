import { countNames } from '../shared/tables.ts'
import { askedLua } from './asked-lua.ts'
import { type Script, scriptOf } from './script.ts'

/**
 * `shareOn` once more, in Lua: the same steps under the same names.
 *
 * Keys, of a prefix P: `P:shared:number`, the last of those that rise; `P:shared:sessions`, by when their leases end; `P:shared:session:SESSION`
 * (ticket → how it stands). Of a thing, at `P:shared:KIND:{NAME}`, its counts, and behind that `:get`, `:put` and `:join` (who waits, by place), `:queued` (a
 * queue's items, by number), `:items` (number → bytes, whoever has them) and `:value`.
 *
 * What is told of a step is `{ is, number, item, statistics }`.
 */
const sharedLua = askedLua + String.raw`
local S = P .. ':shared:'
local countNames = { ${countNames.map((name) => `'${name}'`).join(', ')} }
local things, told, last = {}, {}, false

local function nextNumber()
  last = math.max((last or tonumber(redis.call('GET', S .. 'number') or '0')) + 1, math.floor(now) * 1000)
  return last
end

local function thingOf(kind, name)
  local key = S .. kind .. ':{' .. name .. '}'
  local thing = things[key]
  if not thing then
    thing = { key = key, kind = kind, name = name, was = {} }
    for _, count in ipairs(countNames) do thing[count] = 0 end
    local flat = redis.call('HGETALL', key)
    for index = 1, #flat, 2 do
      thing[flat[index]] = tonumber(flat[index + 1])
      thing.was[flat[index]] = thing[flat[index]]
    end
    things[key] = thing
  end
  return thing
end

-- Of a semaphore or queue that nobody uses only these stay, for a day: the newest handle's word outlives its users, and names do not gather for ever.
local bounds = { limit = true, maxSize = true, maxBytes = true }

local function finish()
  for key, thing in pairs(things) do
    local isUsed, wasUsed, isChanged = false, false, false
    for _, count in ipairs(countNames) do
      local is, was = thing[count], thing.was[count] or 0
      isUsed = isUsed or is ~= 0 and not bounds[count]
      wasUsed = wasUsed or was ~= 0 and not bounds[count]
      if is ~= was then
        isChanged = true
        if is == 0 then redis.call('HDEL', key, count) else redis.call('HSET', key, count, number(is)) end
      end
    end
    if isUsed and not wasUsed then redis.call('PERSIST', key) elseif isChanged and not isUsed then redis.call('EXPIRE', key, 86400) end
  end
  if last then redis.call('SET', S .. 'number', number(last)) end
  local sessions = {}
  for session in pairs(told) do sessions[#sessions + 1] = session end
  if #sessions > 0 then redis.call('PUBLISH', P .. ':shared', table.concat(sessions, '\n')) end
end

local function member(session, ticket) return session .. ' ' .. ticket end

local function ticketOf(session, ticket)
  local packed = redis.call('HGET', S .. 'session:' .. session, ticket)
  if not packed then return nil end
  local kind, name, line, seq, fence = unpack(cmsgpack.unpack(packed))
  return { session = session, ticket = ticket, kind = kind, name = name, line = line, seq = seq, fence = fence or nil }
end

local function keep(thing, session, ticket, line, seq, fence)
  redis.call('HSET', S .. 'session:' .. session, ticket, cmsgpack.pack({ thing.kind, thing.name, line, seq, fence or false }))
  if not fence then redis.call('ZADD', thing.key .. ':' .. line, number(seq), member(session, ticket)) end
end

local function drop(ticket)
  redis.call('HDEL', S .. 'session:' .. ticket.session, ticket.ticket)
  if not ticket.fence then redis.call('ZREM', thingOf(ticket.kind, ticket.name).key .. ':' .. ticket.line, member(ticket.session, ticket.ticket)) end
end

local function waiters(thing, line, most)
  local all = redis.call('ZRANGE', thing.key .. ':' .. line, 0, most - 1)
  for index, one in ipairs(all) do
    local session, ticket = string.match(one, '^(%S+) (%d+)$')
    all[index] = ticketOf(session, ticket)
  end
  return all
end

local function first(thing, line) return waiters(thing, line, 1)[1] end
local function limitOf(thing) return thing.kind == 'lock' and 1 or thing.limit end
local function isOver(thing) return thing.shut > 0 and thing.size == 0 and thing.held == 0 end
local function hasRoom(thing, length) return thing.size == 0 or (thing.size < thing.maxSize and thing.bytes + length <= thing.maxBytes) end
local function lengthOf(thing, seq) return redis.call('HSTRLEN', thing.key .. ':items', number(seq)) end
local function dropItem(thing, seq) redis.call('HDEL', thing.key .. ':items', number(seq)) end

local function enter(thing, seq)
  redis.call('ZADD', thing.key .. ':queued', number(seq), number(seq))
  thing.size = thing.size + 1
  thing.bytes = thing.bytes + lengthOf(thing, seq)
end

local function leave(thing)
  local seq = tonumber(redis.call('ZPOPMIN', thing.key .. ':queued')[1])
  thing.size = thing.size - 1
  thing.bytes = thing.bytes - lengthOf(thing, seq)
  return seq
end

local function endWaits(thing, line)
  for _, ticket in ipairs(waiters(thing, line, 0)) do
    drop(ticket)
    told[ticket.session] = true
  end
end

local function finishOne(thing)
  if thing.unfinished == 0 then return { 'refused' } end
  thing.unfinished = thing.unfinished - 1
  if thing.unfinished == 0 then endWaits(thing, 'join') end
  return { 'done' }
end

local function grant(thing, ticket, seq)
  drop(ticket)
  keep(thing, ticket.session, ticket.ticket, ticket.line, seq, nextNumber())
  thing.held = thing.held + 1
  told[ticket.session] = true
end

local function serve(thing)
  if thing.kind ~= 'queue' then
    while thing.held < limitOf(thing) do
      local waiting = first(thing, 'get')
      if not waiting then return end
      grant(thing, waiting, waiting.seq)
    end
    return
  end
  while true do
    local getting = thing.size > 0 and first(thing, 'get')
    if getting then
      grant(thing, getting, leave(thing))
    else
      local putting = thing.shut == 0 and first(thing, 'put')
      if not putting or not hasRoom(thing, lengthOf(thing, putting.seq)) then break end
      drop(putting)
      told[putting.session] = true
      enter(thing, putting.seq)
      thing.unfinished = thing.unfinished + 1
    end
  end
  if isOver(thing) then for _, ticket in ipairs(waiters(thing, 'get', 0)) do told[ticket.session] = true end end
end

local function withdraw(ticket)
  local thing = thingOf(ticket.kind, ticket.name)
  drop(ticket)
  if not ticket.fence then
    if ticket.line == 'put' then dropItem(thing, ticket.seq) end
    return thing
  end
  thing.held = thing.held - 1
  if thing.kind ~= 'queue' then return thing end
  if thing.shut < 2 then
    enter(thing, ticket.seq)
  else
    dropItem(thing, ticket.seq)
    finishOne(thing)
  end
  return thing
end

local function endAll(ending)
  local touched = {}
  for _, session in ipairs(ending) do
    for _, one in ipairs(redis.call('HKEYS', S .. 'session:' .. session)) do
      -- What one of them gave up may have ended the wait of another.
      local ticket = ticketOf(session, one)
      if ticket then touched[withdraw(ticket)] = true end
    end
    redis.call('ZREM', S .. 'sessions', session)
  end
  for thing in pairs(touched) do serve(thing) end
end

local own = asked.session

local function look(ticket)
  local known = ticketOf(own, ticket)
  if not known then return { 'gone' } end
  local thing = thingOf(known.kind, known.name)
  if known.fence then return { 'held', known.fence, thing.kind == 'queue' and redis.call('HGET', thing.key .. ':items', number(known.seq)) } end
  if not (known.line == 'put' and thing.shut > 0) and not (thing.kind == 'queue' and known.line == 'get' and isOver(thing)) then return { 'waiting' } end
  withdraw(known)
  return { 'shut' }
end

local function hold(thing, ticket, seq)
  keep(thing, own, ticket, 'get', seq, nextNumber())
  thing.held = thing.held + 1
  return look(ticket)
end

local function queueUp(thing, line, ticket, seq)
  keep(thing, own, ticket, line, seq)
  return { 'waiting' }
end

local function opened(step)
  local thing = thingOf('queue', step.name)
  if step.opens or thing.maxSize == 0 then
    thing.maxSize, thing.maxBytes = step.bounds.maxSize, step.bounds.maxBytes
    serve(thing)
  end
  return thing
end

local function valueOf(is, name)
  local thing = thingOf('value', name)
  return { is, thing.number, redis.call('GET', thing.key .. ':value') }
end

-- Those that have a ticket are not done again where that is known.
local ask, tell = {}, {}

function ask.acquire(step, ticket)
  local thing = thingOf(step.kind, step.name)
  if step.kind == 'semaphore' and (step.opens or thing.limit == 0) then
    thing.limit = step.limit
    serve(thing)
  end
  if not first(thing, 'get') and thing.held < limitOf(thing) then return hold(thing, ticket, 0) end
  if not step.waits then return { 'refused' } end
  return queueUp(thing, 'get', ticket, nextNumber())
end

function ask.put(step, ticket)
  local thing, item = opened(step), bytes(step.item)
  if thing.shut > 0 then return { 'shut' } end
  local fits = not first(thing, 'put') and hasRoom(thing, #item)
  if not fits and not step.waits then return { 'refused' } end
  local seq = nextNumber()
  redis.call('HSET', thing.key .. ':items', number(seq), item)
  if not fits then return queueUp(thing, 'put', ticket, seq) end
  enter(thing, seq)
  thing.unfinished = thing.unfinished + 1
  serve(thing)
  return { 'done' }
end

function ask.get(step, ticket)
  local thing = opened(step)
  if thing.size > 0 then
    local outcome = hold(thing, ticket, leave(thing))
    serve(thing)
    return outcome
  end
  if isOver(thing) then return { 'shut' } end
  if not step.waits then return { 'refused' } end
  return queueUp(thing, 'get', ticket, nextNumber())
end

function ask.wait(step, ticket)
  local thing = thingOf(step.kind, step.name)
  local isEvent = step.kind == 'event'
  if isEvent and thing.number > 0 or not isEvent and thing.unfinished == 0 then return { 'done' } end
  return queueUp(thing, isEvent and 'get' or 'join', ticket, nextNumber())
end

function tell.look(step) return look(number(step.ticket)) end

function tell.giveBack(step)
  local ticket = ticketOf(own, number(step.ticket))
  if not ticket then return { 'gone' } end
  serve(withdraw(ticket))
  return { 'done' }
end

function tell.keep(step)
  local ticket = ticketOf(own, number(step.ticket))
  if not ticket or not ticket.fence or ticket.kind ~= 'queue' then return { 'refused' } end
  local thing = thingOf(ticket.kind, ticket.name)
  drop(ticket)
  dropItem(thing, ticket.seq)
  thing.held = thing.held - 1
  if step.finishes then finishOne(thing) end
  serve(thing)
  return { 'done' }
end

function tell.finish(step) return finishOne(thingOf('queue', step.name)) end

function tell.shutdown(step)
  local thing = thingOf('queue', step.name)
  thing.shut = math.max(thing.shut, step.immediate and 2 or 1)
  while step.immediate and thing.size > 0 do
    dropItem(thing, leave(thing))
    finishOne(thing)
  end
  for _, ticket in ipairs(waiters(thing, 'put', 0)) do told[ticket.session] = true end
  serve(thing)
  return { 'done' }
end

function tell.statistics(step)
  local thing = thingOf(step.kind, step.name)
  local function waitingIn(line) return redis.call('ZCARD', thing.key .. ':' .. line) end
  return { 'done', false, false, { step.kind == 'event' and thing.number or thing.size, thing.bytes, waitingIn('put'), waitingIn('get'), thing.held, thing.unfinished } }
end

function tell.add(step)
  local thing = thingOf('counter', step.name)
  local before = thing.number
  if math.abs(before + step.amount) > 9007199254740991 then return { 'refused', before } end
  thing.number = before + step.amount
  return { 'done', before }
end

function tell.exchange(step)
  local thing = thingOf('counter', step.name)
  local before = thing.number
  if step.expected and step.expected ~= before then return { 'refused', before } end
  thing.number = step.number
  return { 'done', before }
end

function tell.read(step) return valueOf('done', step.name) end

function tell.write(step)
  local thing = thingOf('value', step.name)
  if step.expected and step.expected ~= thing.number then return valueOf('refused', step.name) end
  if step.item then
    thing.number = nextNumber()
    redis.call('SET', thing.key .. ':value', bytes(step.item))
  else
    thing.number = 0
    redis.call('DEL', thing.key .. ':value')
  end
  return { 'done', thing.number }
end

function tell.set(step)
  local thing = thingOf('event', step.name)
  thing.number = step.isSet and 1 or 0
  if step.isSet then endWaits(thing, 'get') end
  return { 'done' }
end
`

const body = String.raw`
local sessions = S .. 'sessions'
endAll(redis.call('ZRANGEBYSCORE', sessions, '-inf', number(now)))
local lost = not asked.begins and not redis.call('ZSCORE', sessions, own)
local outcomes = {}
if not lost then
  redis.call('ZADD', sessions, number(now + asked.lease), own)
  for index, step in ipairs(asked.steps) do
    if ask[step.does] then
      local ticket = number(step.ticket)
      outcomes[index] = ticketOf(own, ticket) and look(ticket) or ask[step.does](step, ticket)
    else
      outcomes[index] = tell[step.does](step)
    end
    outcomes[index][2] = number(outcomes[index][2] or false)
  end
  if asked.leaves then endAll({ own }) end
end
finish()
local nextEnd = redis.call('ZRANGE', sessions, 0, 0, 'WITHSCORES')[2]
return { lost and 1 or 0, outcomes, nextEnd and number(math.max(0, tonumber(nextEnd) - now)) or false }
`

export const share: Script = scriptOf(sharedLua, body, false)

/** Of steps that need no memory, or make room. */
export const shareFull: Script = scriptOf(sharedLua, body, true)
