import type { Clock } from '../kernel/clock.ts'
import type { Lane } from './lane.ts'

/** How long the broker may leave a worker without an answer before it counts as gone, in milliseconds. */
const brokerSilence = 4_000

/** Whether a worker takes jobs, and if not, why. */
export interface Health {
  readonly ready: boolean
  /** One sentence each; empty where it is ready. */
  readonly reasons: readonly string[]
}

/** What a worker's health is judged by. Times are those of the clock's `elapsed()`. */
export interface Signs {
  readonly closing: boolean
  readonly paused: boolean
  /** When the broker last answered anything. */
  readonly brokerAnsweredAt: number
  /** What it says instead, where it says anything. */
  readonly brokerFailure: string | undefined
  /** Since when an exchange has been tried, if one is. */
  readonly askedAt: number | undefined
  readonly lanes: Iterable<Lane>
}

/**
 * Ready means consuming: a worker that has stopped taking jobs says so, whatever the cause.
 *
 * @param busyLimit how long all of a place may be busy without one call ending, in milliseconds
 */
export function judge(signs: Signs, clock: Clock, busyLimit: number): Health {
  const now = clock.elapsed()
  const reasons: string[] = []
  const seconds = (since: number): string => `${((now - since) / 1_000).toFixed(1)} s`
  if (signs.closing) reasons.push('it is draining')
  else if (signs.paused) reasons.push('it was told to pause')
  if (now - signs.brokerAnsweredAt > brokerSilence) reasons.push(`the broker has not answered for ${seconds(signs.brokerAnsweredAt)}${signs.brokerFailure === undefined ? '' : `: ${signs.brokerFailure}`}`)
  else if (signs.askedAt !== undefined && now - signs.askedAt > brokerSilence) reasons.push(`reserving has taken ${seconds(signs.askedAt)}`)
  for (const { executor: { place }, busySince } of signs.lanes) {
    if (busySince !== undefined && now - busySince > busyLimit) reasons.push(`no ${place} has been free for ${seconds(busySince)}`)
  }
  return { ready: reasons.length === 0, reasons }
}
