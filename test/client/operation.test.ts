import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { CancelScope } from '../../src/concurrency/cancel-scope.ts'
import { sleep } from '../../src/concurrency/sleep.ts'
import { local } from '../../src/client/local.ts'
import { type OperationControl, operation } from '../../src/client/operation.ts'
import { CancelledError, InvalidOptionError } from '../../src/kernel/errors.ts'
import { context } from '../../src/tasks/context.ts'
import { type Task, task } from '../../src/tasks/task.ts'

type Control = OperationControl<string, number>

/** An operation, and what its client holds of it. */
function begun(stop?: () => void): { op: ReturnType<typeof operation<string, number>>, own: Control } {
  let own!: Control
  const op = operation<string, number>((control) => {
    own = control
    return stop
  })
  return { op, own }
}

describe('an operation', () => {
  test('tells its result, and how far it came', async () => {
    const { op, own } = begun()
    expect([op.state, op.progress]).toEqual(['running', undefined])
    own.progress(1)
    expect(op.progress).toBe(1)
    own.resolve('done')
    expect(await op.result()).toBe('done')
    expect(op.state).toBe('succeeded')
  })

  test('what is said after its end is passed over', async () => {
    const { op, own } = begun()
    own.reject(new RangeError('no'))
    own.resolve('done')
    own.progress(1)
    op.cancel()
    await expect(op.result()).rejects.toThrow('no')
    expect([op.state, op.progress, own.signal.aborted]).toEqual(['failed', undefined, false])
  })

  test('is cancelled: its client is told both ways, once', async () => {
    let stops = 0
    const { op, own } = begun(() => { stops++ })
    op.cancel()
    op.cancel(new Error('again'))
    expect([op.state, own.signal.aborted, stops]).toEqual(['cancelled', true, 1])
    await expect(op.result()).rejects.toThrow(CancelledError)
    await expect((() => {
      const { op: other } = begun()
      other.cancel(new RangeError('enough'))
      return other.result()
    })()).rejects.toThrow('enough')
  })

  test('whose stop goes wrong is cancelled all the same, and nobody else suffers', async () => {
    const warned = once(process, 'warning') as Promise<[Error]>
    const scope = new CancelScope()
    const results = scope.run(() => Promise.allSettled([begun(() => { throw new RangeError('not stopped') }).op.result(), sleep('1h')]))
    scope.cancel()
    expect((await results)?.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect((await warned)[0].message).toBe('not stopped')
  })

  test('whose begin gives what stops nothing has failed, and says why', async () => {
    await expect(operation((() => 5) as never).result()).rejects.toThrow(InvalidOptionError)
  })

  test('that is begun in a cancelled scope is cancelled', async () => {
    const scope = new CancelScope()
    scope.cancel()
    let op: ReturnType<typeof begun>['op'] | undefined
    await scope.run(() => { op = operation<string, number>(() => { throw new Error('begun') }) })
    expect(op?.state).toBe('cancelled')
  })

  test('is cancelled with the scope that it was begun in', async () => {
    let stops = 0
    const scope = new CancelScope()
    const got = scope.run(() => begun(() => { stops++ }).op.result())
    scope.cancel()
    expect([await got, scope.cancelledCaught, stops]).toEqual([undefined, true, 1])
    const over = new CancelScope()
    over.cancel()
    let began = false
    await over.run(() => operation(() => { began = true }).result())
    expect([began, over.cancelledCaught]).toEqual([false, true])
  })

  test('that fails at once, or cancels itself, ends', async () => {
    await expect(operation(() => { throw new RangeError('at once') }).result()).rejects.toThrow('at once')
    let stops = 0
    const scope = new CancelScope()
    await scope.run(() => operation(() => {
      scope.cancel()
      return () => { stops++ }
    }).result())
    expect(stops).toBe(1)
  })

  test('can be watched until it ends: the latest for whoever is slow', async () => {
    const { op, own } = begun()
    const seen: number[] = []
    const watching = (async () => { for await (const each of op.watch()) seen.push(each) })()
    own.progress(1)
    own.progress(2)
    await new Promise((resolve) => setImmediate(resolve))
    own.progress(3)
    own.resolve('done')
    await watching
    expect(seen).toEqual([2, 3])
    const late: number[] = []
    for await (const each of op.watch()) late.push(each)
    expect(late).toEqual([3])
  })
})

const steps: Task<[n: number], Promise<number>> = task({ name: 'steps' }, async (n: number) => {
  for (let at = 1; at <= n; at++) context().progress(at, n)
  return n
})
const untilCancelled: Task<[], Promise<void>> = task({ name: 'untilCancelled' }, async () => {
  await new Promise((_, reject) => context().signal.addEventListener('abort', () => reject(context().signal.reason as Error)))
})

describe('a call that is begun', () => {
  test('is asked for its result and how far it came', async () => {
    await using here = local()
    const call = here.start(steps, 3)
    expect(call.state).toBe('running')
    expect(await call.result()).toBe(3)
    expect(call.progress).toEqual({ done: 3, total: 3 })
  })

  test('is cancelled', async () => {
    await using here = local()
    const call = here.start(untilCancelled)
    call.cancel(new RangeError('enough'))
    await expect(call.result()).rejects.toThrow('enough')
  })
})
