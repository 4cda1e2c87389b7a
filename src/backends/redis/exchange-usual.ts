import { lines } from '../../jobs/job.ts'
import { eventsTopic } from '../bus.ts'
import type { Delivery, Reservation, ReserveRequest, Settlement } from '../broker.ts'
import { askedLua } from './asked-lua.ts'
import { Blob } from './blob.ts'
import { waitLua } from './hand-over-lua.ts'
import { BornReader, packedSuccess } from './packed.ts'
import { type Script, scriptOf } from './script.ts'

/**
 * Everybody who watches is told the result of a job that ends alone, where it takes no more than about so many bytes: its id, an empty line, the database, since channels are of all
 * of a server's, a line's end, and the result. Of others, the ids, each in a line.
 */
const toldBytes = 1_000

/**
 * Settles first attempts that succeeded and takes jobs to which nothing has happened yet, as `exchange` does in broker-scripts.ts: most are so, and what stands of each in the
 * server is then the same bytes, or begins with them. Where anything is otherwise, and where somebody hears events, it does nothing and answers nothing; the name of a queue that has gates or keys, as it then has for ever, it answers with that.
 *
 * Asked are the settlements, with the database that this is, as lists of those that were taken together, each with their queue, when that was, by which worker, their ids, and the lengths of what is written of each, one after another in ARGV[2]; and, where
 * there is room, a request. Answers when it was, when the next job falls due, and of each line that had jobs: its queue, their ids, and what each was born with, one after another.
 */
export const exchangeUsual: Script = scriptOf(askedLua, String.raw`
if redis.call('PUBSUB', 'NUMSUB', P .. ':bus:${eventsTopic}')[2] > 0 then return false end
local request = asked.request
local function at(queue, name) return P .. ':{' .. queue .. '}:' .. name end
local function isGated(queue) return redis.call('HEXISTS', P .. ':gated', queue) == 1 end

for _, group in ipairs(asked.groups) do
  if isGated(group[1]) then return group[1] end
  local active = cmsgpack.pack({ 'active', 1, 1, group[2], group[3] })
  for _, moved in ipairs(redis.call('HMGET', at(group[1], 'moved'), unpack(group[4]))) do if moved ~= active then return false end end
end

local taken, nextDue = {}, false
if request then
  if redis.call('EXISTS', P .. ':cancelling:' .. request.worker) == 1 then return false end
  for _, queue in ipairs(request.queues) do if isGated(queue) then return queue end end
  for _, queue in ipairs(redis.call('SMEMBERS', P .. ':queues')) do
    local due = redis.call('ZRANGE', at(queue, 'due'), 0, 0, 'WITHSCORES')[2]
    if due then
      local rest = tonumber(due) - now
      if rest <= 0 then return false end
      if not nextDue or rest < nextDue then nextDue = rest end
    end
  end
  for _, line in ipairs({ ${lines.map((line) => `'${line}'`).join(', ')} }) do
    local room, found = request.room[line] or 0, false
    for _, queue in ipairs(room > 0 and request.queues or {}) do
      local ids = redis.call('ZRANGE', at(queue, 'line:' .. line), 0, room - 1)
      if #ids > 0 then
        if found then return false end
        found = true
        local born = redis.call('HMGET', at(queue, 'jobs'), unpack(ids))
        for index, moved in ipairs(redis.call('HMGET', at(queue, 'moved'), unpack(ids))) do
          if moved or string.byte(born[index]) ~= 152 then return false end
        end
        taken[#taken + 1] = { queue = queue, line = line, ids = ids, born = born }
      end
    end
  end
end

local from, ended = 1, {}
for _, group in ipairs(asked.groups) do
  local queue, ids, lengths = group[1], group[4], group[5]
  local succeeded, moved = '\153' .. cmsgpack.pack('succeeded', 1, 1, group[2], false, now), {}
  for index, id in ipairs(ids) do
    local last = from + lengths[index] - 1
    moved[index * 2 - 1], moved[index * 2] = id, succeeded .. string.sub(ARGV[2], from, last)
    ended[#ended + 1] = id
    from = last + 1
  end
  redis.call('HSET', at(queue, 'moved'), unpack(moved))
  redis.call('HDEL', P .. ':held:' .. group[3], unpack(ids))
  redis.call('HINCRBY', at(queue, 'counts'), 'active', -#ids)
  redis.call('HINCRBY', at(queue, 'counts'), 'succeeded', #ids)
end
-- One that ends alone is told with its result, so that who waits for it need not ask: where little happens, that is what takes long.
if #ended == 1 and from <= ${toldBytes} then
  redis.call('PUBLISH', P .. ':ended', ended[1] .. '\n\n' .. asked.database .. '\n' .. cmsgpack.unpack(ARGV[2]))
elseif #ended > 0 then
  redis.call('PUBLISH', P .. ':ended', table.concat(ended, '\n'))
end
if not request then return { now } end

local worker = request.worker
redis.call('ZADD', P .. ':workers', number(now + request.lease), worker)
local answer, active = { number(now), number(nextDue) }, cmsgpack.pack({ 'active', 1, 1, now, worker })
for _, one in ipairs(taken) do
  local queue, ids, moved, held = one.queue, one.ids, {}, {}
  for index, id in ipairs(ids) do
    moved[index * 2 - 1], moved[index * 2] = id, active
    held[index * 2 - 1], held[index * 2] = id, queue
  end
  redis.call('ZREMRANGEBYRANK', at(queue, 'line:' .. one.line), 0, #ids - 1)
  redis.call('HSET', at(queue, 'moved'), unpack(moved))
  redis.call('HSET', P .. ':held:' .. worker, unpack(held))
  redis.call('HINCRBY', at(queue, 'counts'), 'ready', -#ids)
  redis.call('HINCRBY', at(queue, 'counts'), 'active', #ids)
  answer[#answer + 1] = { queue, table.concat(ids, '\n'), table.concat(one.born) }
end
${waitLua}return answer
`, true)

/** Jobs that were taken together: what a handle remembers of each. */
export interface Batch {
  readonly queue: string
  /** When, as the server said it; absent where something about them is unusual. */
  readonly startedAt?: number
  readonly worker?: string
}

/** More are not given to one command. */
const atOnce = 1_000

/**
 * What is asked of the script; undefined where it would be too much.
 *
 * @param settlements of first attempts that succeeded, each taken in a batch that tells when
 */
export function askedExchange(settlements: readonly Settlement[], request: ReserveRequest | undefined, batches: ReadonlyMap<string, Batch>, database: string): { readonly asked: object, readonly blob: Blob } | undefined {
  if (settlements.length > atOnce || (request && Object.values(request.room).some((room) => room > atOnce))) return undefined
  const blob = new Blob()
  const groups = new Map<Batch, { ids: string[], lengths: number[] }>()
  const named = new Set<string>()
  for (const { job, outcome } of settlements) {
    const batch = batches.get(job)
    if (outcome.event !== 'succeed' || !batch || named.has(job)) return undefined
    named.add(job)
    let group = groups.get(batch)
    if (!group) groups.set(batch, group = { ids: [], lengths: [] })
    const bytes = packedSuccess(outcome.result, outcome.spent)
    group.ids.push(job)
    group.lengths.push(bytes.length)
    blob.add(bytes)
  }
  return {
    blob,
    asked: {
      database,
      groups: Array.from(groups, ([{ queue, startedAt, worker }, { ids, lengths }]) => [queue, startedAt, worker, ids, lengths]),
      ...(request ? { request: { ...request, queues: [...new Set(request.queues)] } } : {})
    }
  }
}

export type ExchangeReply = readonly [now: Buffer, nextDue: Buffer | null, ...taken: readonly (readonly [queue: Buffer, ids: Buffer, born: Buffer])[]]

/** What a worker was told that was handed a job (see hand-over-lua.ts), and what is to be remembered of that. */
export function handedDelivery(told: Buffer, worker: string): readonly [Delivery, Batch] {
  const lines: string[] = []
  let from = 0
  while (lines.length < 3) {
    const end = told.indexOf('\n', from)
    lines.push(told.toString('utf8', from, end))
    from = end + 1
  }
  const [now, queue, job] = lines as [string, string, string]
  return [usualDelivery(job, new BornReader(told.subarray(from))), { queue, startedAt: Number(now), worker }]
}

function usualDelivery(job: string, reader: BornReader): Delivery {
  return { job, token: 1, attempt: 1, suspect: false, deaths: 0, deferrals: 0, ...reader.next() }
}

/** What the script answered, as a reservation; what is to be remembered of its jobs goes into `batches`. */
export function reservationOfUsual([now, nextDue, ...taken]: ExchangeReply, worker: string, batches: Map<string, Batch>): Reservation {
  const deliveries: Delivery[] = []
  for (const [name, ids, born] of taken) {
    const shared: Batch = { queue: String(name), startedAt: Number(now), worker }
    const reader = new BornReader(born)
    for (const job of String(ids).split('\n')) {
      batches.set(job, shared)
      deliveries.push(usualDelivery(job, reader))
    }
  }
  return { deliveries, cancelling: [], nextDue: nextDue === null ? Infinity : Number(nextDue) }
}
