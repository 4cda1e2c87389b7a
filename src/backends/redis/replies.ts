import { type Gate, type GateRule, outerName } from '../../jobs/gates.ts'
import { type HistoryEntry, type JobLogLine, type KeptStory, historyOf } from '../../jobs/history.ts'
import type { Job } from '../../jobs/job.ts'
import type { Schedule } from '../../jobs/schedule.ts'
import type { FinalState, JobState } from '../../jobs/states.ts'
import type { Progress } from '../../tasks/progress.ts'
import type { Place } from '../../tasks/task.ts'
import { decode } from '../../wire/codec.ts'
import type { PortableError } from '../../wire/portable-error.ts'
import { noJobs } from '../queue-counts.ts'
import { type AttemptRef, type BrokerStats, type Delivery, type QueueStats, type Reservation, type Sweep, type WorkerInfo, unknownWorker } from '../broker.ts'
import type { ScheduleList } from '../schedules.ts'
import type { SharedOutcome, SharedReply } from '../shared-store.ts'
import { bytesBehind } from '../held-bytes.ts'
import type { Ending, Weighed } from '../store.ts'

/** A text or bytes; null where there is none. Counts are numbers. */
export type Bulk = Buffer | number | null

export type DeliveryReply = readonly [job: Buffer, token: number, task: Buffer, place: Buffer, attempt: number, suspect: Buffer | null, deaths: number, deferrals: number, payload: Buffer, queue: Buffer, isFirst?: number]
export type TakenReply = readonly [at: number, how: Buffer, holder: Buffer]
export type GateReply = readonly [queue: Buffer, inner: Buffer, rule: Buffer | null, paused: Buffer | null, heldUntil: Buffer]
export type RefReply = readonly [job: Buffer, token: number]
export type ReservationReply = readonly [deliveries: readonly DeliveryReply[], cancelling: readonly RefReply[], nextDue: Buffer | null, now: Buffer]
export type SweepReply = readonly [rescued: readonly RefReply[], buried: readonly Buffer[]]
export type StatsReply = readonly [queues: readonly (readonly [queue: Buffer, counts: readonly Buffer[]])[], workers: readonly (readonly [id: Buffer, leaseLeft: Buffer, active: number, info: Buffer | null])[], oldestReady: Buffer]
export type EndingReply = readonly [job: Buffer, state: Buffer, result: Buffer | null, error: Buffer | null, attempt: number]
export type ScheduleListReply = readonly [now: Buffer, schedules: readonly Buffer[]]
export type DueSchedulesReply = readonly [...ScheduleListReply, nextDue: Buffer | null]
export type JobReply = readonly Bulk[]
export type WeighedReply = readonly [now: Buffer, ended: readonly (readonly [finishedAt: Buffer, bytes: number, payload: Buffer | null, result: Buffer | null])[], last: Bulk]
export type StoryReply = readonly [job: JobReply, history: readonly (readonly Bulk[])[], logs: readonly Buffer[], payload: Buffer, original: Buffer | null] | null

export type SharedReplies = readonly [lost: number, outcomes: readonly SharedOutcomeReply[], nextEnd: Buffer | null]
type SharedOutcomeReply = readonly [is: Buffer, number?: Buffer | null, item?: Buffer | null, statistics?: readonly number[]]

export function reservationOf([deliveries, cancelling, nextDue]: ReservationReply): Reservation {
  return { deliveries: deliveries.map(deliveryOf), cancelling: cancelling.map(refOf), nextDue: maybeNumber(nextDue) ?? Infinity }
}

function deliveryOf([job, token, task, place, attempt, suspect, deaths, deferrals, payload]: DeliveryReply): Delivery {
  return {
    job: String(job), token, task: String(task), place: String(place) as Place, attempt, suspect: suspect !== null,
    deaths, deferrals, payload: bytesOf(payload)
  }
}

export function gateOf([queue, inner, rule, paused, heldUntil]: GateReply): Gate {
  return { ...outerName(String(queue), String(inner)), rule: rule === null ? {} : JSON.parse(String(rule)) as GateRule, paused: paused !== null, heldUntil: Number(heldUntil) }
}

export function refOf([job, token]: RefReply): AttemptRef {
  return { job: String(job), token }
}

export function sweepOf([rescued, buried]: SweepReply, stalled: boolean): Sweep {
  return { rescued: rescued.map(refOf), buried: buried.map(String), stalled }
}

export function statsOf([queues, workers, oldestReady]: StatsReply): BrokerStats {
  return {
    queues: Object.fromEntries(queues.map(([queue, counts]) => [String(queue), queueStatsOf(counts)])),
    workers: workers.map(([id, leaseLeft, active, info]) => ({ id: String(id), leaseLeft: Number(leaseLeft), active, ...(info === null ? unknownWorker : JSON.parse(String(info)) as WorkerInfo) })),
    oldestReady: Number(oldestReady)
  }
}

function queueStatsOf(flat: readonly Buffer[]): QueueStats {
  const counts = noJobs()
  for (let at = 0; at < flat.length; at += 2) counts[String(flat[at]) as JobState] = Number(flat[at + 1])
  return counts
}

export function endingOf([job, state, result, error, attempt]: EndingReply): Ending {
  return { job: String(job), state: String(state) as FinalState, result: result === null ? undefined : bytesOf(result), error: errorOf(error), attempt }
}

/** As `shown` in job-lua.ts tells it. */
export function jobOf(reply: JobReply): Job {
  const [id, task, queue, place, priority, tags, state, dueAt, expiresAt, createdAt, startedAt, finishedAt, attempt, token, rescues, deaths, deferrals, suspect, worker, cancelling, result, error, wall, cpu, progress, parent, parentToken, parentState, outcome, key, ordered, cost] = reply
  return {
    id: String(id), task: String(task), queue: String(queue), place: String(place) as Place, priority: Number(priority), tags: JSON.parse(String(tags)) as string[],
    key: given(key) ? String(key) : undefined, ordered: given(ordered), cost: Number(cost),
    state: String(state) as JobState, dueAt: Number(dueAt), expiresAt: maybeNumber(expiresAt) ?? Infinity, createdAt: Number(createdAt),
    startedAt: maybeNumber(startedAt), finishedAt: maybeNumber(finishedAt), attempt: Number(attempt), token: Number(token), rescues: Number(rescues),
    deaths: Number(deaths), deferrals: Number(deferrals), suspect: given(suspect), worker: given(worker) ? String(worker) : undefined, cancelling: given(cancelling),
    result: given(result) ? bytesOf(result as Buffer) : undefined, error: errorOf(error), spent: spentOf(wall, cpu),
    progress: given(progress) ? JSON.parse(String(progress)) as Progress : undefined,
    parent: given(parent) ? { job: String(parent), token: Number(parentToken), state: String(parentState) as FinalState, outcome: bytesOf(outcome as Buffer) } : undefined
  }
}

export function scheduleListOf([now, schedules]: ScheduleListReply): ScheduleList {
  return { now: Number(now), schedules: schedules.map((record) => decode(bytesOf(record)) as Schedule) }
}

export function storyOf(reply: StoryReply): KeptStory | undefined {
  if (reply === null) return undefined
  const [job, history, logs, payload, original] = reply
  return { history: historyOf(jobOf(job), history.map(entryOf)), logs: logs.map((line) => JSON.parse(String(line)) as JobLogLine), payload: bytesOf(payload), ...(original === null ? {} : { original: bytesOf(original) }) }
}

export function weighedOf([now, ended, last]: WeighedReply): Weighed {
  return {
    now: Number(now),
    ended: ended.map(([finishedAt, own, payload, result]) => ({ finishedAt: Number(finishedAt), bytes: own + bytesBehind(payload, result) })),
    ...(last === null ? {} : { next: String(last) })
  }
}

function entryOf([at, event, attempt, token, worker, startedAt, error, wall, cpu]: readonly Bulk[]): HistoryEntry {
  return {
    at: Number(at), event: String(event) as HistoryEntry['event'], attempt: Number(attempt), token: Number(token), worker: given(worker) ? String(worker) : undefined,
    startedAt: maybeNumber(startedAt), error: errorOf(error), spent: spentOf(wall, cpu)
  }
}

export function sharedOf([lost, outcomes, nextEnd]: SharedReplies): SharedReply {
  return { lost: lost === 1, outcomes: outcomes.map(sharedOutcomeOf), nextEnd: maybeNumber(nextEnd) ?? Infinity }
}

function sharedOutcomeOf([is, number, item, statistics]: SharedOutcomeReply): SharedOutcome {
  const [size = 0, bytes = 0, putting = 0, getting = 0, held = 0, unfinished = 0] = statistics ?? []
  return {
    is: String(is) as SharedOutcome['is'],
    ...(given(number) ? { number: Number(number) } : {}),
    ...(given(item) ? { item: bytesOf(item) } : {}),
    ...(statistics ? { statistics: { size, bytes, putting, getting, held, unfinished } } : {})
  }
}

function given(value: Bulk | undefined): value is Buffer | number {
  return value !== null && value !== undefined
}

function maybeNumber(value: Bulk | undefined): number | undefined {
  return given(value) ? Number(value) : undefined
}

function spentOf(wall: Bulk | undefined, cpu: Bulk | undefined): Job['spent'] {
  return given(wall) ? { wall: Number(wall), cpu: Number(cpu) } : undefined
}

function errorOf(bytes: Bulk | undefined): PortableError | undefined {
  return given(bytes) ? decode(bytes as Buffer) as PortableError : undefined
}

/** A copy of its own: what the client gives is a view of all that arrived with it. */
function bytesOf(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer)
}
