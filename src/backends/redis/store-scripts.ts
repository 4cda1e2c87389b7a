import { type Script, script } from './script.ts'

export const commit: Script = script(String.raw`
local states = {}
prefetch(asked.changes, 'job')
for index, one in ipairs(asked.changes) do
  local job = find(one.job, one.queue)
  if job and transitions[job.state][one.event] then
    change(job, { event = one.event })
    if one.payload then
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
local function fits(job)
  if asked.state and job.state ~= asked.state then return false end
  if asked.states and not asked.states[job.state] then return false end
  if asked.task and job.task ~= asked.task then return false end
  if asked.endedBefore and job.finishedAt > now - asked.endedBefore then return false end
  if not asked.tag then return true end
  for _, tag in ipairs(cjson.decode(job.tags)) do if tag == asked.tag then return true end end
  return false
end

local function scan()
  local some = {}
  for _, queue in ipairs(asked.queue and { asked.queue } or queues()) do
    for _, id in ipairs(redis.call('ZRANGEBYLEX', at(queue, 'ids'), asked.after and '(' .. asked.after or '-', '+', 'LIMIT', 0, asked.looksAt)) do
      some[#some + 1] = { queue = queue, id = id }
    end
  end
  table.sort(some, function(a, b) return a.id < b.id end)
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
local found, last = scan()
for index, job in ipairs(found) do
  for _, name in ipairs({ 'jobs', 'moved', 'progress' }) do redis.call('HDEL', at(job.queue, name), job.id) end
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

export const story: Script = script(String.raw`
local job = find(asked.job, asked.queue)
if not job then return false end
local entries = redis.call('LRANGE', at(job.queue, 'history:' .. job.id), 0, -1)
for index, packed in ipairs(entries) do
  local values = cmsgpack.unpack(packed)
  for place, value in ipairs(values) do if type(value) == 'number' then values[place] = number(value) end end
  entries[index] = values
end
return { shown(job), entries, redis.call('LRANGE', at(job.queue, 'logs:' .. job.id), 0, -1), job.payload }
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
