import type { Job } from './job.ts'

/** What holds back jobs of a queue that are ready: all of them, those of a task, those of a key, or, with the key `'*'`, those of each key that has no gate of its own. */
export interface GateName {
  readonly queue: string
  readonly task?: string
  readonly key?: string
}

/** What a gate lets through. What is absent is not limited. */
export interface GateRule {
  /** How many at the same time, on all workers together. 1 or more. */
  readonly concurrency?: number
  /** How much in a time: jobs cost 1 each, unless they say otherwise. After a pause as much may go through at once. */
  readonly rate?: Rate
  /** The share of a key among those that wait: of two keys with the weights 3 and 1, three jobs to one. From 0.01 to 60. Default: 1. */
  readonly weight?: number
}

export interface Rate {
  readonly limit: number
  /** Milliseconds. */
  readonly per: number
}

/** What somebody wants of a gate. What is absent stays. */
export interface GateChange {
  /** In place of the rule that it had, and with all its rate before it; null takes it away. */
  readonly rule?: GateRule | null
  /** Whether it lets nothing through until it is told otherwise. */
  readonly paused?: boolean
  /** It lets nothing through for so many milliseconds from now, or longer where that was said before. */
  readonly holdFor?: number
}

/** A gate as it stands. */
export interface Gate extends GateName {
  readonly rule: GateRule
  readonly paused: boolean
  /** Until then it lets nothing through, in milliseconds since the epoch of the backend's clock; 0 where nothing was said. */
  readonly heldUntil: number
}

/** What is kept of a gate. */
export interface KeptGate {
  readonly rule: GateRule | undefined
  readonly paused: boolean
  readonly heldUntil: number
  /** The theoretical arrival time: when all that has gone through is paid for by the rate. */
  readonly paidAt: number
}

/** What a gate decides by. */
export interface GateState extends KeptGate {
  /** How many of its jobs are active. */
  readonly active: number
}

/** A gate of which nothing was said. */
export const openGate: KeptGate = { rule: undefined, paused: false, heldUntil: 0, paidAt: 0 }

/** What a change makes of a gate. */
export function changedGate(before: KeptGate, { rule, paused, holdFor }: GateChange, now: number): KeptGate {
  return {
    rule: rule === undefined ? before.rule : rule ?? undefined,
    paidAt: rule === undefined ? before.paidAt : 0,
    paused: paused ?? before.paused,
    heldUntil: holdFor === undefined ? before.heldUntil : Math.max(before.heldUntil, now + holdFor)
  }
}

/** A gate as it is shown; undefined where there is nothing to show. */
export function shownGate(queue: string, inner: string, { rule, paused, heldUntil }: Omit<KeptGate, 'paidAt'>, now: number): Gate | undefined {
  const isHeld = heldUntil > now
  return rule || paused || isHeld ? { ...outerName(queue, inner), rule: rule ?? {}, paused, heldUntil: isHeld ? heldUntil : 0 } : undefined
}

/**
 * When a gate lets a job through: now or earlier if at once, `Infinity` if something else must happen first.
 *
 * The rate is the generic cell rate algorithm (ITU-T I.371): exact, and one number. A job that costs more than the limit goes through where all is paid for.
 */
export function opensAt({ rule = {}, paused, heldUntil, active, paidAt }: GateState, cost: number, now: number): number {
  if (paused || active >= (rule.concurrency ?? Infinity)) return Infinity
  if (!rule.rate) return heldUntil
  const { limit, per } = rule.rate
  return Math.max(heldUntil, paidAt <= now ? 0 : Math.min(paidAt, paidAt + cost * per / limit - per))
}

/** When all is paid for, once a job has gone through. */
export function paidAfter({ rule, paidAt }: GateState, cost: number, now: number): number {
  return rule?.rate ? Math.max(paidAt, now) + cost * rule.rate.per / rule.rate.limit : paidAt
}

/** About how many more jobs go through now. */
export function roomOf({ rule = {}, active, paidAt }: GateState, now: number): number {
  const { concurrency = Infinity, rate } = rule
  return Math.min(concurrency - active, rate ? Math.max(1, Math.ceil((rate.per - Math.max(0, paidAt - now)) * rate.limit / rate.per)) : Infinity)
}

/** What a key of weight 1 is charged for a job that it has in its turn: divided by the weight, and whole. */
export const share = 60

/** Turns end here: beyond, a key is served by age. Chosen so that a priority and a turn are one exact number. */
export const turns: number = 2 ** 37

/**
 * Whose turn it is, by start-time fair queueing (Goyal, Vin and Cheng, "Start-time Fair Queuing", SIGCOMM 1996): a job's turn is where its key has come to, or where the
 * queue has; each job takes its key further by its share. So a key that comes new is served next, and one with a million jobs takes its turn.
 *
 * @param reached the turn of the job that was taken last
 * @param finish up to where the key's jobs have taken it
 * @returns the job's turn, and the key's next
 */
export function turnOf(reached: number, finish: number, weight = 1): { turn: number, finish: number } {
  const turn = Math.min(Math.max(reached, finish), turns - 1)
  return { turn, finish: turn + Math.max(1, Math.round(share / weight)) }
}

/** Where a job stands in its line: the lower the earlier. */
export function rankOf({ priority }: Pick<Job, 'priority'>, turn: number): number {
  return -priority * turns + turn
}

/** The gates of a job besides its queue's, as they are known inside the queue. */
export function gatesOf({ task, key }: Pick<Job, 'task' | 'key'>): string[] {
  return key === undefined ? [`task ${task}`] : [`task ${task}`, `key ${key}`]
}

/** A gate as it is known inside its queue. */
export function innerName({ task, key }: GateName): string {
  return task !== undefined ? `task ${task}` : key !== undefined ? `key ${key}` : 'queue'
}

export function outerName(queue: string, inner: string): GateName {
  return inner === 'queue' ? { queue } : inner.startsWith('task ') ? { queue, task: inner.slice(5) } : { queue, key: inner.slice(4) }
}

/** The gate of each key that has none of its own. */
export const eachKey = 'key *'
