/** One thing that was done to a queue: when it was asked for and answered, in any unit. `Infinity`: it was not answered, and may have been done or not. */
export interface Done {
  readonly kind: 'put' | 'get'
  /** What was put, or got; undefined where it is not known what was got. */
  readonly value: number | undefined
  readonly began: number
  readonly ended: number
}

/**
 * Whether there is an order of what was done, each between its beginning and its end, in which a queue of so many places, first in first out,
 * does the same. What somebody took who was not answered may have come back, before all others: it was on its way to one that was killed.
 *
 * As J. Wing and C. Gong, "Testing and Verifying Concurrent Objects" (1993).
 */
export function isLinearizable(history: readonly Done[], maxSize: number): boolean {
  const tried = new Set<string>()
  const search = (left: readonly Done[], items: readonly number[], onTheWay: readonly number[]): boolean => {
    const soonest = Math.min(...left.map(({ ended }) => ended))
    if (soonest === Infinity) return true
    const key = `${left.map((each) => history.indexOf(each)).join()} ${items.join()} ${onTheWay.join()}`
    if (tried.has(key)) return false
    tried.add(key)
    if (onTheWay.some((item) => search(left, [item, ...items], onTheWay.filter((other) => other !== item)))) return true
    return left.some((each) => {
      // Another had ended before it began.
      if (each.began > soonest) return false
      const rest = left.filter((other) => other !== each)
      if (each.kind === 'put') return items.length < maxSize && search(rest, [...items, each.value!], onTheWay)
      const [first, ...others] = items
      if (first === undefined || (each.value !== undefined && each.value !== first)) return false
      return search(rest, others, each.ended === Infinity ? [...onTheWay, first] : onTheWay)
    })
  }
  return search(history, [], [])
}
