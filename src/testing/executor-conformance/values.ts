import type { Outcome } from '../../executors/executor.ts'
import { decode, encode } from '../../wire/codec.ts'
import { type Cases, callOf } from './bench.ts'
import { add, addSoon, contextOf, echo, trailOf, waitForMark } from './tasks.ts'

const valueOf = (outcome: Outcome): unknown => outcome.kind === 'returned' ? outcome.value : outcome

export const valueCases: Cases = {
  async 'a result comes back'({ open, expect }) {
    expect(await open().execute(callOf(add, [2, 3]))).toMatchObject({ kind: 'returned', value: 5 })
  },

  async 'an async result comes back'({ open, expect }) {
    expect(await open().execute(callOf(addSoon, [2, 3]))).toMatchObject({ kind: 'returned', value: 5 })
  },

  async 'values of every kind arrive equal'({ open, expect }) {
    const cyclic: Record<string, unknown> = { name: 'loop' }
    cyclic['self'] = cyclic
    const value = {
      date: new Date(0), map: new Map<unknown, unknown>([['a', 1], [{ b: 2 }, [3]]]), set: new Set([1, '2']), big: 2n ** 70n,
      nothing: undefined, none: null, nan: Number.NaN, floats: new Float64Array([1.5, -0]), bytes: new Uint8Array([1, 2]),
      pattern: /a+/gi, error: new TypeError('wrong'), cyclic
    }
    expect(valueOf(await open().execute(callOf(echo, [value])))).toEqual(value)
  },

  async 'encoded arguments give an encoded result'({ open, expect }) {
    const outcome = await open().execute({ ...callOf(add, []), input: { encoded: encode([20, 22]) } })
    expect(decode(valueOf(outcome) as Uint8Array)).toBe(42)
  },

  async 'many calls at once each get their own result'({ open, expect }) {
    const executor = open({ concurrency: 2 })
    const calls = Array.from({ length: 500 }, (_, index) => index)
    const outcomes = await Promise.all(calls.map((index) => executor.execute(index % 2 === 0
      ? callOf(index % 3 === 0 ? addSoon : add, [index, 1])
      : { ...callOf(add, []), input: { encoded: encode([index, 1]) } })))
    const values = outcomes.map(valueOf).map((value) => value instanceof Uint8Array ? decode(value) : value)
    expect(values).toEqual(calls.map((index) => index + 1))
  },

  async 'as many calls run at the same time as it says, and the next begins when one ends'({ open, mark, expect }) {
    const executor = open({ concurrency: 2 })
    expect(executor.concurrency).toBe(2)
    const [one, two, three] = [mark(), mark(), mark()]
    const calls = [one, two, three].map(({ path }) => executor.execute(callOf(waitForMark, [path])))
    await Promise.all([one.reaches(1), two.reaches(1)])
    expect(three.steps).toBe(0)
    one.release()
    await three.reaches(1)
    for (const own of [two, three]) own.release()
    expect((await Promise.all(calls)).map(valueOf)).toEqual(['done', 'done', 'done'])
  },

  async 'middleware runs around the function, the first outermost'({ open, expect }) {
    const executor = open({ concurrency: 1 })
    const before = (valueOf(await executor.execute(callOf(trailOf, [7]))) as string[]).length
    const trail = valueOf(await executor.execute(callOf(trailOf, [8]))) as string[]
    expect(before).toBeGreaterThanOrEqual(3)
    expect(trail.slice(trail.lastIndexOf('outer ends'))).toEqual(['outer ends', 'outer conformance.trailOf 8 conformance.trailOf', 'inner', 'function 8'])
  },

  async 'what a call has spent is told'({ open, expect }) {
    const outcome = await open().execute(callOf(add, [1, 1]))
    const { wall, cpu } = outcome.kind === 'returned' ? outcome.spent : { wall: -1, cpu: -1 }
    expect(wall).toBeGreaterThanOrEqual(0)
    expect(cpu).toBeGreaterThanOrEqual(0)
  },

  async 'a call finds its context'({ open, expect }) {
    const executor = open()
    expect(valueOf(await executor.execute(callOf(contextOf, [])))).toEqual({ name: 'conformance.contextOf', version: 3, job: undefined, attempt: 1, hasDeadline: false })
    const attempt = { job: 'J1', number: 3, token: 4, version: 2 }
    expect(valueOf(await executor.execute(callOf(contextOf, [], { attempt, timeout: 60_000 })))).toEqual({ name: 'conformance.contextOf', version: 2, job: 'J1', attempt: 3, hasDeadline: true })
    const { version: _, ...first } = attempt
    expect(valueOf(await executor.execute(callOf(contextOf, [], { attempt: first })))).toMatchObject({ version: 1 })
  }
}
