// What is called, by all alike: each takes one argument.

export function noop(): void {}

export function echo<T>(value: T): T {
  return value
}

/** About 0.8 µs. */
export function small(seed: number): number {
  let value = seed
  for (let step = 0; step < 145; step++) value = (value * 1_103_515_245 + 12_345) & 0x7fff_ffff
  return value
}

/** About 10 ns. */
export function tiny(seed: number): number {
  return (seed * 1_103_515_245 + 12_345) & 0x7fff_ffff
}

/** Some 50 µs of work, however long that takes. */
export function fixed(seed: number): number {
  let value = seed
  for (let step = 0; step < 60; step++) value = small(value)
  return value
}

/** Computes for so many microseconds. */
export function spin(us: number): void {
  const end = performance.now() + us / 1_000
  while (performance.now() < end);
}

/** The first number of the inverse of a matrix of 200 x 200, by Gauss and Jordan. */
export function invert(seed: number): number {
  const size = 200
  let state = seed + 1
  const rows = Array.from({ length: size }, (_, at) => Float64Array.from({ length: 2 * size }, (_, column) => {
    state = (state * 1_103_515_245 + 12_345) & 0x7fff_ffff
    return column < size ? state / 0x7fff_ffff + (column === at ? size : 0) : column - size === at ? 1 : 0
  }))
  for (const [pivot, row] of rows.entries()) {
    const by = row[pivot]!
    for (let column = 0; column < 2 * size; column++) row[column]! /= by
    for (const [other, each] of rows.entries()) {
      const factor = each[pivot]!
      if (other !== pivot) for (let column = 0; column < 2 * size; column++) each[column]! -= factor * row[column]!
    }
  }
  return rows[0]![size]!
}
