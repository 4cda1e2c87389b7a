/** Every number in a text, as it is written there. */
export function numbersIn(text: string): number[] {
  return Array.from(text.matchAll(/-?\d+(?:\.\d+)?(?:e[-+]?\d+)?/gi), ([written]) => Number(written)).filter(Number.isFinite)
}

/**
 * An n×n matrix, row by row, of numbers from data: standardised, taken in a stride so that neighbouring rows of a table do not
 * become neighbouring rows here, and with a diagonal that outweighs the rest of its row, so that there is an inverse whatever the data.
 */
export function matrixFrom(numbers: readonly number[], n: number): Float64Array {
  const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length
  const spread = Math.sqrt(numbers.reduce((sum, value) => sum + (value - mean) ** 2, 0) / numbers.length) || 1
  const matrix = new Float64Array(n * n)
  const stride = 7_919 // a prime: every number is reached, whatever their count
  for (let at = 0; at < matrix.length; at++) {
    matrix[at] = (numbers[(at * stride) % numbers.length]! - mean) / spread
  }
  for (let row = 0; row < n; row++) {
    const weight = matrix.subarray(row * n, row * n + n).reduce((sum, value) => sum + Math.abs(value), 1)
    matrix[row * n + row]! += Math.sign(matrix[row * n + row]! || 1) * weight
  }
  return matrix
}

/**
 * The inverse, by Gauss-Jordan elimination with partial pivoting, in place in a copy.
 *
 * @throws RangeError where the matrix is singular
 */
export function inverse(matrix: Float64Array, n: number): Float64Array {
  const a = matrix.slice()
  const swaps: [number, number][] = []
  for (let column = 0; column < n; column++) {
    let pivot = column
    for (let row = column + 1; row < n; row++) {
      if (Math.abs(a[row * n + column]!) > Math.abs(a[pivot * n + column]!)) pivot = row
    }
    const divisor = a[pivot * n + column]!
    if (divisor === 0) throw new RangeError(`the matrix is singular: column ${column} depends on those before it`)
    if (pivot !== column) {
      swaps.push([column, pivot])
      for (let at = 0; at < n; at++) {
        const held = a[column * n + at]!
        a[column * n + at] = a[pivot * n + at]!
        a[pivot * n + at] = held
      }
    }
    const top = column * n
    a[top + column] = 1
    for (let at = 0; at < n; at++) a[top + at]! /= divisor
    for (let row = 0; row < n; row++) {
      if (row === column) continue
      const base = row * n
      const factor = a[base + column]!
      a[base + column] = 0
      for (let at = 0; at < n; at++) a[base + at]! -= factor * a[top + at]!
    }
  }
  // Rows were swapped on the way in, so columns are swapped back on the way out, last first.
  for (const [one, other] of swaps.toReversed()) {
    for (let row = 0; row < n; row++) {
      const held = a[row * n + one]!
      a[row * n + one] = a[row * n + other]!
      a[row * n + other] = held
    }
  }
  return a
}

/** How far `inverse` is from undoing `matrix`: the largest error of matrix·(inverse·x) − x for a vector x of ones and twos. */
export function residual(matrix: Float64Array, inverted: Float64Array, n: number): number {
  const x = Float64Array.from({ length: n }, (_, at) => 1 + (at % 2))
  const back = times(matrix, times(inverted, x, n), n)
  return back.reduce((largest, value, at) => Math.max(largest, Math.abs(value - x[at]!)), 0)
}

function times(matrix: Float64Array, vector: Float64Array, n: number): Float64Array {
  return Float64Array.from({ length: n }, (_, row) => {
    let sum = 0
    for (let at = 0; at < n; at++) sum += matrix[row * n + at]! * vector[at]!
    return sum
  })
}
