import { referenceLength } from '../../wire/claim-check.ts'
import { type Script, script } from './script.ts'

export const commit: Script = script(String.raw`
local states = {}
prefetch(asked.changes, 'job')
for index, one in ipairs(asked.changes) do
  local job = find(one.job, one.queue)
  if job and transitions[job.state][one.event] then
    change(job, { event = one.event })
    if one.payload then
      local originals = at(job.queue, 'originals')
      if redis.call('HEXISTS', originals, job.id) == 0 then note(fields, originals, job.id, job.payload) end
      job.payload = bytes(one.payload)
      writeFixed(job)
    end
  end
  states[index] = job and job.state or false
end
finish()
return states
`, { full: true })

export const read: Script = script(String.raw`
local jobs = {}
prefetch(asked.jobs, 'job')
for index, one in ipairs(asked.jobs) do
  local job = find(one.job, one.queue)
  jobs[index] = job and shown(job) or false
end
return jobs
`)

/** Of the jobs after an id, in the order of arrival: as many as the limit says that fit, and up to which it has looked where there may be more. */
const scanLua = String.raw`
local isRead
local function fits(job)
  if asked.state and job.state ~= asked.state then return false end
  if asked.states and not asked.states[job.state] then return false end
  if asked.task and job.task ~= asked.task then return false end
  if asked.olderThan and (job.finishedAt > (asked.asOf or now) - asked.olderThan or isRead(job)) then return false end
  if not asked.tag then return true end
  for _, tag in ipairs(cjson.decode(job.tags)) do if tag == asked.tag then return true end end
  return false
end

local function following()
  local some = {}
  local all = asked.queue and { asked.queue } or queues()
  for _, queue in ipairs(all) do
    for _, id in ipairs(redis.call('ZRANGEBYLEX', at(queue, 'ids'), asked.after and '(' .. asked.after or '-', '+', 'LIMIT', 0, asked.looksAt)) do
      some[#some + 1] = { queue = queue, id = id }
    end
  end
  if #all > 1 then table.sort(some, function(a, b) return a.id < b.id end) end
  return some
end

local function scan()
  local some = following()
  local found = {}
  for index = 1, math.min(#some, asked.looksAt) do
    local job = load(some[index].queue, some[index].id)
    if fits(job) then found[#found + 1] = job end
    if #found == asked.limit then return found, some[index].id end
  end
  return found, #some >= asked.looksAt and some[asked.looksAt].id or false
end
`

export const list: Script = script(scanLua + String.raw`
local found, last = scan()
for index, job in ipairs(found) do found[index] = shown(job) end
return { found, last }
`)

export const purge: Script = script(scanLua + String.raw`
-- See readersOf in jobs/link.ts.
function isRead(job)
  if not job.links or not job.result or string.byte(job.result) ~= 0xc1 then return false end
  for _, link in ipairs(job.links) do
    local linked = link.on == ends[job.state] and cmsgpack.unpack(link.job)
    local reader = linked and load(linked.queue, linked.id)
    if reader and not final[reader.state] then return true end
  end
  return false
end

local found, last = scan()
for index, job in ipairs(found) do
  for _, name in ipairs({ 'jobs', 'moved', 'progress', 'originals' }) do redis.call('HDEL', at(job.queue, name), job.id) end
  redis.call('ZREM', at(job.queue, 'ids'), job.id)
  redis.call('DEL', at(job.queue, 'history:' .. job.id), at(job.queue, 'logs:' .. job.id))
  count(job.queue, job.state, -1)
  local held = job.unique and hold(job.queue, job.unique)
  if held and held.job == job.id then note(indexes, at(job.queue, 'orphans'), job.unique, number(held.untilAt)) end
  found[index] = job.id
end
finish()
return { found, last }
`, { full: true })

/** What jobs that have ended hold: those that may be, or end with, a reference are told as they are. */
export const weigh: Script = script(scanLua + String.raw`
local some, ended, read, index = following(), {}, 0, 0
local last = math.min(#some, asked.looksAt)

-- There may be very many: no jobs are made of them.
local function take(queue, ids)
  local function all(name) return redis.call('HMGET', at(queue, name), unpack(ids)) end
  local jobs, moved, originals = all('jobs'), all('moved'), all('originals')
  for place = 1, #ids do
    local state, _, _, _, _, finishedAt, result, _, _, why = unpack(cmsgpack.unpack(moved[place] or '\144'))
    read = read + #(jobs[place] or '') + #(moved[place] or '') + #(originals[place] or '')
    if jobs[place] and final[state] then
      local payload = cmsgpack.unpack(jobs[place])[8]
      ended[#ended + 1] = {
        number(finishedAt), #payload + #(originals[place] or '') + #(result or '') + #(why or ''),
        string.byte(payload, -${referenceLength}) == 0xc1 and payload or false, result and #result == ${referenceLength} and result or false
      }
    end
  end
end

-- Few at a time, and no more than a few megabytes: they are read as they are.
while index < last and read < asked.readsAbout do
  local ids, queue = {}, some[index + 1].queue
  while #ids < 50 and index < last and some[index + 1].queue == queue do
    index = index + 1
    ids[#ids + 1] = some[index].id
  end
  take(queue, ids)
end
return { number(now), ended, index > 0 and (index < last or #some >= asked.looksAt) and some[index].id or false }
`)

export const story: Script = script(String.raw`
local job = find(asked.job, asked.queue)
if not job then return false end
local entries = redis.call('LRANGE', at(job.queue, 'history:' .. job.id), 0, -1)
for index, packed in ipairs(entries) do
  local values = cmsgpack.unpack(packed)
  for place, value in ipairs(values) do if type(value) == 'number' then values[place] = number(value) end end
  entries[index] = values
end
return { shown(job), entries, redis.call('LRANGE', at(job.queue, 'logs:' .. job.id), 0, -1), job.payload, redis.call('HGET', at(job.queue, 'originals'), job.id) }
`)

/** How jobs ended, of those that have. */
export const endings: Script = script(String.raw`
local all = {}
prefetch(asked.jobs, 'job')
for _, one in ipairs(asked.jobs) do
  local job = find(one.job, one.queue)
  if job and final[job.state] then all[#all + 1] = { job.id, job.state, job.result or false, job.error or false, job.attempt } end
end
return all
`)
