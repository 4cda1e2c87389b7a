import type { Store } from '../../backends/store.ts'

/** Ages are told apart to a hundredth: so a look at any number of jobs needs no more memory than one at a few thousand. */
const step = Math.log(1.01)

/**
 * How long ago at least the jobs ended that are too many, where those that have ended hold more than `most` bytes; undefined where they do not. It is an age, not a list: whoever
 * else looks at the same time finds the same, and what either removes is not too much.
 *
 * @returns milliseconds, by the backend's clock
 */
export async function excessAge(store: Pick<Store, 'weigh'>, most: number, signal: AbortSignal): Promise<number | undefined> {
  const held = new Map<number, number>()
  let total = 0
  let began: number | undefined
  let ended: number
  for (let from: string | undefined; ;) {
    const some = await store.weigh(from)
    ended = some.now
    began ??= some.now
    for (const { finishedAt, bytes } of some.ended) {
      const age = classOf(began - finishedAt)
      held.set(age, (held.get(age) ?? 0) + bytes)
      total += bytes
    }
    if (some.next === undefined) break
    if (signal.aborted) return undefined
    from = some.next
  }
  if (total <= most) return undefined
  let kept = 0
  for (const age of [...held.keys()].sort((a, b) => a - b)) {
    kept += held.get(age)!
    if (kept > most) return least(age) + ended - began
  }
  return undefined
}

/** 0 for what ended within the last millisecond, or since. */
function classOf(age: number): number {
  return age < 1 ? 0 : 1 + Math.floor(Math.log(age) / step)
}

function least(own: number): number {
  return own === 0 ? 0 : Math.exp((own - 1) * step)
}
