/** One thing to measure. A case may yield several figures, such as p50 and p99: their names are appended to the case's. */
export interface Case {
  readonly name: string
  readonly unit: string
  readonly better: 'lower' | 'higher'
  /** The contender that the ratio is of. Default: the best. */
  readonly against?: string
  /** The units of further figures, by what is appended to the name. Default: `unit`. */
  readonly units?: Readonly<Record<string, string>>
}

export interface Suite {
  readonly name: string
  readonly cases: readonly Case[]
  /** Treadle first. Each is a module beside this one that exports `measure`. */
  readonly contenders: readonly { readonly name: string, readonly module: string }[]
}

/** What a contender's module exports: runs a case once, in a process of its own. The key `''` is the case's one figure. */
export type Measure = (name: string) => Promise<Readonly<Record<string, number>>>

export const perSecond = (count: number, startedAt: number): number => count / ((performance.now() - startedAt) / 1_000)

/** The median, and for latencies the 99th percentile. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]!
}

export const percentiles = (values: readonly number[]): Record<string, number> => ({ '-p50': quantile(values, 0.5), '-p99': quantile(values, 0.99) })
