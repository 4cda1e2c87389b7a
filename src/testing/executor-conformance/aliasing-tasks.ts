import { type Task, task } from '../../tasks/task.ts'

// What the cases of calls that share their arguments run.

/** Adds one to all numbers that it finds in what it was given, and gives that back. */
export const raise: Task<[value: unknown], unknown> = task({ name: 'conformance.raise' }, (value: unknown) => {
  raiseIn(value)
  return value
})

/** Whether its arguments, and what they hold, are one object. */
export const areOne: Task<[a: { own: object }, b: { own: object }], boolean> = task({ name: 'conformance.areOne' }, (a: { own: object }, b: { own: object }) => a.own === b.own)

const kept: { count: number, floats: Float64Array } = { count: 0, floats: new Float64Array(4) }

/** Gives the same object each time. */
export const giveKept: Task<[], typeof kept> = task({ name: 'conformance.giveKept' }, () => kept)

function raiseIn(value: unknown): void {
  if (value instanceof Float64Array) {
    for (let index = 0; index < value.length; index++) value[index]! += 1
  } else if (value instanceof Map) {
    for (const [key, item] of value) {
      if (typeof item === 'number') value.set(key, item + 1)
      else raiseIn(item)
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      if (typeof item === 'number') Object.assign(value, { [key]: item + 1 })
      else raiseIn(item)
    }
  }
}
