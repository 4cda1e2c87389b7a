import { scheduleNews } from '../schedules.ts'
import { publishAllLua } from './broker-scripts.ts'
import { type Script, script } from './script.ts'

// Keys: `P:schedules` (name → its revision, its next slot, and all of it as bytes), `P:schedules:names` (in their order) and `P:schedules:due` (by next slot).

const recordsLua = String.raw`
local schedules = P .. ':schedules'
local function records(names)
  local all = {}
  for index, name in ipairs(names) do all[index] = cmsgpack.unpack(redis.call('HGET', schedules, name))[3] end
  return all
end
`

export const schedules: Script = script(recordsLua + String.raw`
local from, to = asked.after and '(' .. asked.after or '-', '+'
if asked.name then from, to = '[' .. asked.name, '[' .. asked.name end
return { number(now), records(redis.call('ZRANGEBYLEX', schedules .. ':names', from, to, 'LIMIT', 0, asked.limit)) }
`, { happens: false })

export const dueSchedules: Script = script(recordsLua + String.raw`
local key = schedules .. ':due'
local found = redis.call('ZRANGEBYSCORE', key, '-inf', number(now), 'LIMIT', 0, asked.limit)
local later = redis.call('ZRANGEBYSCORE', key, '(' .. number(now), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2]
return { number(now), records(found), later and number(tonumber(later) - now) or false }
`, { happens: false })

export const changeSchedules: Script = script(String.raw`
local schedules = P .. ':schedules'
local kept, outcomes = {}, {}
asked.jobs = {}
for index, change in ipairs(asked.changes) do
  local name = change.name
  if not kept[name] then
    local packed = redis.call('HGET', schedules, name)
    kept[name] = packed and cmsgpack.unpack(packed) or {}
  end
  local before = kept[name]
  local isSeen = before[1] == change.seen
  outcomes[index] = isSeen and 1 or 0
  if isSeen then
    local after = change.record and { change.revision, change.nextSlot or false, bytes(change.record) } or {}
    kept[name] = after
    note(fields, schedules, name, after[1] and cmsgpack.pack(after) or false)
    note(indexes, schedules .. ':names', name, after[1] and 0 or false)
    note(indexes, schedules .. ':due', name, number(after[2]) or false)
    if after[2] and (not before[2] or after[2] < before[2]) then news['${scheduleNews}'] = true end
    for _, job in ipairs(change.jobs) do asked.jobs[#asked.jobs + 1] = job end
  end
end
${publishAllLua}
finish()
return outcomes
`, { happens: false })
