export interface Minimum {
  readonly at: readonly number[]
  readonly value: number
  readonly evaluations: number
}

interface Vertex {
  readonly at: readonly number[]
  readonly value: number
}

/**
 * A local minimum of `f`, without derivatives (J. A. Nelder and R. Mead, "A Simplex Method for Function Minimization", 1965).
 *
 * @param steps how far the first simplex reaches from `start` in each direction
 */
export function nelderMead(f: (x: readonly number[]) => number, start: readonly number[], steps: readonly number[], rounds: number): Minimum {
  let evaluations = 0
  const vertex = (at: readonly number[]): Vertex => {
    evaluations++
    return { at, value: f(at) }
  }
  const simplex = [vertex(start), ...start.map((_, axis) => vertex(start.map((value, at) => at === axis ? value + steps[axis]! : value)))]
  for (let round = 0; round < rounds; round++) {
    simplex.sort((a, b) => a.value - b.value)
    const best = simplex[0]!
    const worst = simplex.at(-1)!
    if (worst.value - best.value <= 1e-12 * (Math.abs(best.value) + 1e-12)) break
    const others = simplex.slice(0, -1)
    const centre = start.map((_, axis) => others.reduce((sum, { at }) => sum + at[axis]!, 0) / others.length)
    const along = (factor: number): Vertex => vertex(centre.map((value, axis) => value + factor * (value - worst.at[axis]!)))
    const reflected = along(1)
    if (reflected.value < best.value) {
      const expanded = along(2)
      simplex[others.length] = expanded.value < reflected.value ? expanded : reflected
    } else if (reflected.value < others.at(-1)!.value) {
      simplex[others.length] = reflected
    } else {
      const contracted = along(reflected.value < worst.value ? 0.5 : -0.5)
      if (contracted.value < Math.min(reflected.value, worst.value)) simplex[others.length] = contracted
      else for (let at = 1; at < simplex.length; at++) simplex[at] = vertex(simplex[at]!.at.map((value, axis) => (value + best.at[axis]!) / 2))
    }
  }
  const best = simplex.reduce((a, b) => b.value < a.value ? b : a)
  return { at: best.at, value: best.value, evaluations }
}
