import type { NewJob } from '../../jobs/job.ts'
import { turns } from '../../jobs/gates.ts'
import { isAlike, isRare } from '../alike-jobs.ts'
import { askedLua } from './asked-lua.ts'
import { Blob } from './blob.ts'
import { eventLua } from './event-lua.ts'
import { handOverLua } from './hand-over-lua.ts'
import { type Script, scriptOf } from './script.ts'

/**
 * Publishes jobs that have nothing unusual to them, in queues that have nothing unusual either, as `publish` does in broker-scripts.ts: most are so, and each call of a script makes all
 * of its functions anew, which takes longer than what is to be done for one job. Answers 1; the name of a queue that has gates or keys, as it then has for ever; and nothing where a job is known
 * already: then nothing is done, and `publish` does it.
 *
 * Asked are the database that this is, since channels are of all of a server's, and lists of jobs alike, each with what they share, their ids, and the lengths of their payloads, which lie one after another in ARGV[2].
 */
export const publishUsual: Script = scriptOf(askedLua, String.raw`
${eventLua}for _, group in ipairs(asked.groups) do
  if redis.call('HGET', P .. ':gated', group[1]) then return group[1] end
end
local known = false
for _, group in ipairs(asked.groups) do
  local key, byId, ids = P .. ':{' .. group[1] .. '}:ids', {}, group[8]
  for index, id in ipairs(ids) do byId[index * 2 - 1], byId[index * 2] = '0', id end
  if redis.call('ZADD', key, 'NX', unpack(byId)) ~= #ids then known = true end
end
if known then
  for _, group in ipairs(asked.groups) do
    local base = P .. ':{' .. group[1] .. '}:'
    for _, id in ipairs(group[8]) do if redis.call('HEXISTS', base .. 'jobs', id) == 0 then redis.call('ZREM', base .. 'ids', id) end end
  end
  return false
end
local from, isLone = 1, #asked.groups == 1 and #asked.groups[1][8] == 1
for _, group in ipairs(asked.groups) do
  local queue, priority, delay, expires, ids = group[1], group[4], group[5], group[6], group[8]
  local function at(name) return P .. ':{' .. queue .. '}:' .. name end
  local dueAt, expiresAt = now + delay, expires and now + expires
  local isReady = delay == 0
  local score = isReady and (priority == 0 and '0' or number(-priority * ${turns})) or number(dueAt)
  local shared, extras = (expires and '\153' or '\152') .. cmsgpack.pack(group[2], group[3], priority, now, dueAt, expiresAt, group[7]), expires and cmsgpack.pack({}) or ''
${handOverLua}  local jobs, byRank, byEnd = {}, {}, expires and {}
  for index, id in ipairs(ids) do
    local last = from + group[9][index] - 1
    jobs[index * 2 - 1], jobs[index * 2] = id, shared .. cmsgpack.pack(string.sub(ARGV[2], from, last)) .. extras
    byRank[index * 2 - 1], byRank[index * 2] = score, id
    if byEnd then byEnd[index * 2 - 1], byEnd[index * 2] = number(expiresAt), id end
    from = last + 1
    if heard then tell('enqueued', { id = id, task = group[2], queue = queue, token = 0 }, 0) end
  end
  redis.call('HSET', at('jobs'), unpack(jobs))
  redis.call('ZADD', at(isReady and 'line:' .. group[3] or 'due'), unpack(byRank))
  if byEnd then redis.call('ZADD', at('expiring'), unpack(byEnd)) end
  redis.call('HINCRBY', at('counts'), isReady and 'ready' or 'scheduled', #ids)
  redis.call('SADD', P .. ':queues', queue)
  redis.call('PUBLISH', P .. ':news', queue)
end
if heard then tellAll() end
return 1
`, false)

/** More are not given to one command. */
const atOnce = 1_000

/** What is asked of the script. */
export interface UsualJobs {
  readonly groups: readonly unknown[]
  readonly blob: Blob
}

/** Undefined where one of the jobs has something unusual to it. */
export function askedUsual(jobs: readonly NewJob[]): UsualJobs | undefined {
  const blob = new Blob()
  const groups: { first: NewJob, ids: string[], lengths: number[] }[] = []
  const ids = new Set<string>()
  for (const job of jobs) {
    if (isRare(job) || ids.has(job.id)) return undefined
    ids.add(job.id)
    let last = groups.at(-1)
    if (!last || last.ids.length === atOnce || !isAlike(job, last.first)) groups.push(last = { first: job, ids: [], lengths: [] })
    last.ids.push(job.id)
    last.lengths.push(job.payload.length)
    blob.add(job.payload)
  }
  return {
    blob,
    groups: groups.map(({ first: { queue, task, place, priority, delay, expires, tags }, ids: own, lengths }) =>
      [queue, task, place, priority, delay, expires === Infinity ? false : expires, JSON.stringify(tags), own, lengths])
  }
}
