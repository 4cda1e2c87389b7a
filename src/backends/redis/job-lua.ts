import { lines } from '../../jobs/job.ts'
import { finalStates } from '../../jobs/states.ts'
import { askedLua } from './asked-lua.ts'
import { eventLua } from './event-lua.ts'
import { gatesLua } from './gates-lua.ts'

/**
 * What every script begins with: where things are, how a job is read and written, and what is written when the script has done its work.
 *
 * Keys, of a prefix P (and those of schedules: see schedule-scripts.ts): `P:queues` (set), `P:gated` (hash of those of them that have gates, or keys: see gates-lua.ts), `P:workers` (by when their leases end), `P:infos` (worker → what it said of itself), `P:announced` (set), `P:idle` (worker → what it waits for), `P:handed` (worker → the queue and the id of what it was handed last), `P:held:WORKER` and, of those whose cancel was asked for,
 * `P:cancelling:WORKER` (job → queue). Of a queue, whose name is the hash tag of each: `jobs` (id → what never changes), `moved` (id → where it stands, once anything but its birth has happened to it), `ids` (in
 * the order of arrival, which is that of ids), `line:LINE` (ready: the highest priority first, then by id), `due`, `expiring`, `counts`, `progress`, `originals` (id → what it was first called with, where that was mended), and of jobs
 * that have any `history:ID` and `logs:ID`; `unique` (key → which job holds it, and until when) and `orphans` (keys whose jobs were purged, by when their time is over).
 */
export const jobLua: string = askedLua + String.raw`
local function at(queue, name) return P .. ':{' .. queue .. '}:' .. name end
local lines = { ${lines.map((line) => `'${line}'`).join(', ')} }
local final = { ${finalStates.map((state) => `${state} = true`).join(', ')} }
local function queues() return redis.call('SMEMBERS', P .. ':queues') end

-- What is to be written, told and counted is gathered, and done at once when the script has come so far: so an error leaves nothing behind, and a
-- thousand jobs are few commands.
local known, changed = {}, {}
local indexes, fields, entries, counts, news, ended = {}, {}, {}, {}, {}, {}
local atOnce = 1000

local function note(all, key, member, value)
  local of = all[key]
  if not of then
    of = {}
    all[key] = of
  end
  of[member] = value
end

local function count(queue, state, more)
  local of = counts[queue]
  if not of then
    of = {}
    counts[queue] = of
  end
  of[state] = (of[state] or 0) + more
end

local function each(command, key, list)
  for first = 1, #list, atOnce do redis.call(command, key, unpack(list, first, math.min(first + atOnce - 1, #list))) end
end

local function write(all, add, remove, valueFirst)
  for key, members in pairs(all) do
    local added, removed = {}, {}
    for member, value in pairs(members) do
      if value then
        added[#added + 1] = valueFirst and value or member
        added[#added + 1] = valueFirst and member or value
      else
        removed[#removed + 1] = member
      end
    end
    each(remove, key, removed)
    each(add, key, added)
  end
end

-- Before any of it is read again.
local function writeSets()
  write(indexes, 'ZADD', 'ZREM', true)
  write(fields, 'HSET', 'HDEL', false)
  indexes, fields = {}, {}
end

-- Where a job stands, as it is written: most have neither failed nor been handed back, and of these little need be said.
local function standing(job)
  local isRare = job.error or job.suspect or job.cancelling or job.rescues + job.deaths + job.deferrals > 0 or job.dueAt ~= job.firstDueAt or job.expiresAt ~= job.firstExpiresAt
  local values = { job.state, job.attempt, job.token, job.startedAt or false, job.worker or false, job.finishedAt or false, job.result or false, job.wall or false, job.cpu or false }
  if isRare then
    for place, value in ipairs({ job.error or false, job.suspect or false, job.cancelling or false, job.rescues, job.deaths, job.deferrals, job.dueAt, job.expiresAt or false }) do values[9 + place] = value end
  end
  return cmsgpack.pack(values)
end

local function stand(job, standing)
  local values = cmsgpack.unpack(standing)
  job.state, job.attempt, job.token, job.startedAt, job.worker = values[1], values[2], values[3], values[4] or nil, values[5] or nil
  job.finishedAt, job.result, job.wall, job.cpu = values[6] or nil, values[7] or nil, values[8] or nil, values[9] or nil
  if values[10] == nil then return end
  job.error, job.suspect, job.cancelling, job.rescues, job.deaths, job.deferrals = values[10] or nil, values[11] or nil, values[12] or nil, values[13], values[14], values[15]
  job.dueAt, job.expiresAt = values[16], values[17] or nil
end

local function born(id, queue, task, place, priority, createdAt, dueAt, expiresAt, tags, payload, extras)
  local job = {
    id = id, queue = queue, task = task, place = place, priority = priority, createdAt = createdAt, dueAt = dueAt, firstDueAt = dueAt, expiresAt = expiresAt or nil, firstExpiresAt = expiresAt or nil, tags = tags, payload = payload,
    attempt = 0, token = 0, rescues = 0, deaths = 0, deferrals = 0
  }
  job.cost = 1
  if extras then
    job.unique, job.links, job.parent, job.key, job.ordered = extras.unique, extras.links, extras.parent, extras.key, extras.ordered
    job.cost = extras.cost or 1
  end
  return job
end

-- Of those that are known, by id; what never changed is told by what it was born with.
local function loadAll(queue, ids)
  local unknown = {}
  for _, id in ipairs(ids) do if not known[id] then unknown[#unknown + 1] = id end end
  for first = 1, #unknown, atOnce do
    local last = math.min(first + atOnce - 1, #unknown)
    local fixed = redis.call('HMGET', at(queue, 'jobs'), unpack(unknown, first, last))
    local moved = redis.call('HMGET', at(queue, 'moved'), unpack(unknown, first, last))
    for index = 1, #fixed do
      if fixed[index] then
        local id = unknown[first + index - 1]
        local job = born(id, queue, unpack(cmsgpack.unpack(fixed[index])))
        if moved[index] then stand(job, moved[index]) else job.state = job.dueAt > job.createdAt and 'scheduled' or 'ready' end
        known[id] = job
      end
    end
  end
end

local function load(queue, id)
  if not known[id] then loadAll(queue, { id }) end
  return known[id]
end

-- Its queue is known to whoever published or took it; others look.
local function find(id, queue)
  if known[id] then return known[id] end
  local job = queue and load(queue, id)
  if job then return job end
  for _, one in ipairs(queues()) do
    job = load(one, id)
    if job then return job end
  end
end

-- Before many are looked for one by one.
local function prefetch(list, name)
  local byQueue = {}
  for _, one in ipairs(list) do
    if one.queue then
      local ids = byQueue[one.queue] or {}
      byQueue[one.queue] = ids
      ids[#ids + 1] = one[name]
    end
  end
  for queue, ids in pairs(byQueue) do loadAll(queue, ids) end
end

${eventLua}
local function finish()
  for id, job in pairs(changed) do note(fields, at(job.queue, 'moved'), id, standing(job)) end
  writeSets()
  for key, list in pairs(entries) do
    each('RPUSH', key, list)
    redis.call('LTRIM', key, -asked.historyLimit, -1)
  end
  for queue, states in pairs(counts) do
    local key = at(queue, 'counts')
    for state, more in pairs(states) do if more ~= 0 then redis.call('HINCRBY', key, state, more) end end
  end
  for queue in pairs(news) do redis.call('PUBLISH', P .. ':news', queue) end
  if #ended > 0 then redis.call('PUBLISH', P .. ':ended', table.concat(ended, '\n')) end
  if heard then tellAll() end
end

${gatesLua}
local function lineOf(job) return job.suspect and 'suspect' or job.place end
local function expires(job) return job.expiresAt and job.attempt == 0 and (job.state == 'ready' or job.state == 'scheduled') end
local function hasExpired(job) return job.attempt == 0 and job.expiresAt and job.expiresAt <= now end

-- What the state says of where a job is found; with no score it is found there no longer.
local function place(job, isThere)
  local state, queue, id = job.state, job.queue, job.id
  if isThere and job.key then gates().begin(queue) end
  if state == 'ready' then
    if not isGated(queue) then note(indexes, at(queue, 'line:' .. lineOf(job)), id, isThere and (job.priority == 0 and 0 or number(-job.priority * turns)))
    else
      local rank = isThere and number(gates().rank(job))
      note(indexes, at(queue, 'line:' .. lineOf(job)), id, rank)
      if job.ordered then note(indexes, at(queue, 'ordered:' .. job.key), id, rank) end
      if not isThere then gates().forget(job) end
    end
  elseif state == 'scheduled' then note(indexes, at(queue, 'due'), id, isThere and number(job.dueAt))
  elseif state == 'active' then
    note(fields, P .. ':held:' .. job.worker, id, isThere and queue)
    if job.cancelling then note(fields, P .. ':cancelling:' .. job.worker, id, isThere and queue) end
    if isGated(queue) then gates().count(job, isThere and 1 or -1) end
  elseif isThere and final[state] then
    ended[#ended + 1] = id
    if job.ordered then gates().ended(job) end
  end
  if job.expiresAt and expires(job) then note(indexes, at(queue, 'expiring'), id, isThere and number(job.expiresAt)) end
  count(queue, state, isThere and 1 or -1)
end
`
