import type { PurgeFilter, Store } from '../../backends/store.ts'

/** Ages in classes, so that a look at any number of jobs needs no more memory than one at a few thousand. */
interface AgeClasses {
  /** The younger, the smaller; Infinity where it is too old for any. */
  classOf(age: number): number
  /** The least age of a class, in milliseconds. */
  least(own: number): number
}

/** So much more than need be may go, as a share of what may stay: where it is more, one looks again, closer. */
const tolerated = 0.01

/**
 * How long ago at least the jobs ended that are too many, where those that have ended hold more than `most` bytes; undefined where they do not. It is an age, not a list: whoever
 * else looks at the same time finds the same, and what either removes is not too much. What ended in the same millisecond is not told apart.
 */
export async function excessAge(store: Pick<Store, 'weigh'>, most: number, signal: AbortSignal): Promise<Required<Pick<PurgeFilter, 'olderThan' | 'asOf'>> | undefined> {
  let began: number | undefined
  let classes = hundredths
  for (;;) {
    const held = new Map<number, number>()
    let total = 0
    for (let from: string | undefined; ;) {
      const some = await store.weigh(from)
      began ??= some.now
      for (const { finishedAt, bytes } of some.ended) {
        const own = classes.classOf(began - finishedAt)
        held.set(own, (held.get(own) ?? 0) + bytes)
        total += bytes
      }
      if (signal.aborted) return undefined
      if (some.next === undefined) break
      from = some.next
    }
    if (total <= most) return undefined
    const { crossing, kept } = cross(held, most)
    // Others have removed meanwhile what was too much: what is too much now, the next look finds.
    if (crossing === Infinity) return undefined
    const [least, end] = [classes.least(crossing), classes.least(crossing + 1)]
    if (most - kept <= tolerated * most || end - least <= 1) return { olderThan: least, asOf: began }
    classes = between(least, end)
  }
}

/** The class in which they come to hold too much, and what the younger ones hold. */
function cross(held: ReadonlyMap<number, number>, most: number): { readonly crossing: number, readonly kept: number } {
  let kept = 0
  for (const crossing of [...held.keys()].sort((a, b) => a - b)) {
    const bytes = held.get(crossing)!
    if (kept + bytes > most) return { crossing, kept }
    kept += bytes
  }
  return { crossing: Infinity, kept }
}

const step = Math.log(1.01)

/** All ages, told apart to a hundredth of them; 0 for what ended within the last millisecond, or since. */
const hundredths: AgeClasses = {
  classOf: (age) => age < 1 ? 0 : 1 + Math.floor(Math.log(age) / step),
  least: (own) => own === 0 ? 0 : Math.exp((own - 1) * step)
}

/** Some ages, told apart to a thousandth of their span; 0 for all that are younger. */
function between(least: number, end: number): AgeClasses {
  const width = (end - least) / 1_000
  return {
    classOf: (age) => age < least ? 0 : age < end ? 1 + Math.floor((age - least) / width) : Infinity,
    least: (own) => own === 0 ? 0 : least + (own - 1) * width
  }
}
