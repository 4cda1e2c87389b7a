import { transitions } from '../../jobs/states.ts'

/**
 * What becomes of a job, and what its history tells: what `jobs/job.ts` and `jobs/history.ts` decide, once more; the conformance suite compares.
 */
export const happenLua: string = String.raw`
local transitions = { ${Object.entries(transitions).map(([state, after]) => `${state} = { ${Object.entries(after).map(([event, next]) => `${event} = '${next}'`).join(', ')} }`).join(', ')} }
local again = { retry = true, release = true, defer = true, rescue = true }

-- See happen in jobs/job.ts. Changes the job in place.
local function happen(job, what)
  local event = what.event
  if job.cancelling and again[event] then return happen(job, { event = 'stop' }) end
  local state = transitions[job.state][event]
  if not state then error('TREADLE_TRANSITION ' .. event .. ' ' .. job.state .. ' ' .. job.task .. ' ' .. job.id) end
  local before = job.state
  job.state = state
  if event == 'due' then return end
  if event == 'reserve' then
    job.worker, job.attempt, job.token, job.startedAt = what.worker, job.attempt + 1, job.token + 1, now
    return
  end
  if event == 'cancel' and before == 'active' then
    job.cancelling = true
    return
  end
  if event == 'revive' then
    job.dueAt, job.expiresAt, job.startedAt, job.finishedAt = now, nil, nil, nil
    job.attempt, job.rescues, job.deaths, job.deferrals = 0, 0, 0, 0
    job.result, job.error, job.wall, job.cpu = nil, nil, nil, nil
    return
  end
  job.worker = nil
  if final[state] then
    job.cancelling, job.suspect, job.finishedAt = nil, nil, now
    if event == 'succeed' then job.result, job.error, job.wall, job.cpu = what.result, nil, what.wall, what.cpu
    elseif event == 'fail' then job.error, job.wall, job.cpu = what.error, what.wall, what.cpu
    elseif event == 'bury' then job.error = what.error end
    if what.died then job.deaths = job.deaths + 1 end
    return
  end
  job.startedAt = nil
  if event == 'retry' then
    job.deferrals, job.dueAt, job.error, job.wall, job.cpu = 0, now + what.delay, what.error, what.wall, what.cpu
    if not what.died then job.suspect = nil
    else
      job.deaths = job.deaths + 1
      if job.suspect then job.attempt = job.attempt - 1 end
    end
    return
  end
  job.attempt = job.attempt - 1
  if event == 'defer' then job.deferrals, job.dueAt, job.error = job.deferrals + 1, now + what.delay, what.error
  elseif event == 'rescue' and not what.announced then job.rescues, job.suspect = job.rescues + 1, true end
end

-- See entryOf in jobs/history.ts.
local untold = { due = true, reserve = true, succeed = true }
local told = { retry = true, fail = true, defer = true, bury = true }
local function entry(before, event, after)
  if event == 'cancel' and before.cancelling then return end
  if before.state == 'active' and after.state == 'cancelled' then event = 'stop' elseif after.state == 'dead' then event = 'bury' end
  local spent = told[event] and event ~= 'defer'
  local key = at(after.queue, 'history:' .. after.id)
  local list = entries[key] or {}
  entries[key] = list
  list[#list + 1] = cmsgpack.pack({
    now, event, before.attempt, before.token, before.worker or false, before.startedAt or false,
    told[event] and after.error or false, spent and after.wall or false, spent and after.cpu or false
  })
end

local function copy(job)
  local same = {}
  for name, value in pairs(job) do same[name] = value end
  return same
end

local progress = {}
local function hasProgress(queue)
  if progress[queue] == nil then progress[queue] = redis.call('EXISTS', at(queue, 'progress')) == 1 end
  return progress[queue]
end

local ends = { succeeded = 'success', failed = 'failure', dead = 'failure' }
local function publishLinks(job)
  local parent = { job = job.id, token = job.token, state = job.state, outcome = job.result or job.error }
  for _, link in ipairs(job.links) do
    local linked = link.on == ends[job.state] and cmsgpack.unpack(link.job)
    if linked and not load(linked.queue, linked.id) then publishOne(linked, parent) end
  end
end

-- Lets an event happen to a job, and perhaps another with it.
local function change(job, what, more)
  local event, state = what.event, job.state
  local before = not untold[event] and copy(job)
  local was = heard and { attempt = job.attempt, worker = job.worker }
  place(job, false)
  happen(job, what)
  if more then more() end
  place(job, true)
  changed[job.id] = job
  if before then entry(before, event, job) end
  if was then tellChange(job, what, was) end
  if job.links and final[job.state] then publishLinks(job) end
  if (event == 'reserve' or event == 'revive') and hasProgress(job.queue) then note(fields, at(job.queue, 'progress'), job.id, false) end
  if (state == 'active' or final[state]) and not final[job.state] then news[job.queue] = true end
end

local function shown(job)
  return {
    job.id, job.task, job.queue, job.place, job.priority, job.tags, job.state, number(job.dueAt), number(job.expiresAt) or false, number(job.createdAt),
    number(job.startedAt) or false, number(job.finishedAt) or false, job.attempt, job.token, job.rescues, job.deaths,
    job.deferrals, job.suspect and '1' or false, job.worker or false, job.cancelling and '1' or false, job.result or false, job.error or false,
    number(job.wall) or false, number(job.cpu) or false, redis.call('HGET', at(job.queue, 'progress'), job.id) or false,
    job.parent and job.parent.job or false, job.parent and job.parent.token or false, job.parent and job.parent.state or false, job.parent and job.parent.outcome or false,
    job.key or false, job.ordered and '1' or false, number(job.cost)
  }
end
`
