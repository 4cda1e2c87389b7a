import type { CallHost, HostCall } from './call-host.ts'

/** How much work a host is given beyond what it runs, in milliseconds: enough to hide a message's way, too little to wait behind. */
const workAhead = 1

/** What is ahead of a host while another idles is shared where it is more than this, in expected milliseconds: to take it and give it costs about a quarter. */
const worthSharing = 0.2

export interface HostRules {
  /** How many calls each host runs at once. */
  readonly perHost: number
  /** Whether a host is given short calls beyond what it runs. */
  readonly sendsAhead: boolean
}

/** The host that would come to the call first, if any may be given it. */
export function hostFor({ task, carriage, moved, call }: HostCall, hosts: Iterable<CallHost>, { perHost, sendsAhead }: HostRules): CallHost | undefined {
  // A call's time is counted from when it is sent, so one whose time is limited is never sent ahead. What was moved cannot come back.
  const mayWait = call.timeout === Infinity && !moved
  let best: CallHost | undefined
  for (const host of hosts) {
    if (!host.ready || host.stuck || host.worn || host.board.takingBack) continue
    const { size } = host.inFlight
    const follows = size === 1 && call.budget !== undefined && host.inFlight.head?.call.budget !== undefined
    // A hosted loop begins what waits in its inbox by itself, as others end.
    const fits = perHost > 1
      ? size < perHost || (mayWait && host.loaded.has(task.id) && (size - perHost) * (task.cost + carriage) < workAhead * perHost)
      : size === 0 || (sendsAhead && mayWait && !host.limited && host.ahead > 0 && host.loaded.has(task.id) && (follows || host.ahead + task.cost + carriage <= workAhead))
    if (!fits) continue
    if (size === 0 && host.loaded.has(task.id)) return host
    if (!best || (perHost > 1 ? size < best.inFlight.size : host.ahead < best.ahead || (size === 0 && best.inFlight.size > 0))) best = host
  }
  return best
}

/**
 * While a host idles: the one from which what waits behind its call is to be taken, and whether that call takes so long that it is given nothing before
 * it has answered.
 *
 * @param now in milliseconds, on the clock of `heardAt`
 */
export function toShare(hosts: Iterable<CallHost>, now: number): { readonly from: CallHost, readonly isLate: boolean } | undefined {
  let idles = false
  let fullest: CallHost | undefined
  for (const host of hosts) {
    if (host.inFlight.size === 0) idles ||= host.ready && !host.worn
    else if (host.inFlight.size > 1 && host.ahead > (fullest?.ahead ?? 0) && host.isAtCall) fullest = host
  }
  if (!idles || !fullest) return undefined
  const late = now - fullest.heardAt - fullest.ahead / fullest.inFlight.size
  return Math.max(fullest.ahead, late) > worthSharing ? { from: fullest, isLate: late > worthSharing } : undefined
}
