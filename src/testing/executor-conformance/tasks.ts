import { context } from '../../tasks/context.ts'
import { type Task, task } from '../../tasks/task.ts'

// What the executor conformance suite runs. Cells of shared memory tell the test what a call does, and where it has come to.

export const add: Task<[a: number, b: number], number> = task({ name: 'conformance.add' }, (a: number, b: number) => a + b)

export const addSoon: Task<[a: number, b: number], Promise<number>> = task({ name: 'conformance.addSoon' }, async (a: number, b: number) => {
  await nextTurn()
  return a + b
})

export const echo: Task<[value: unknown], unknown> = task({ name: 'conformance.echo' }, (value: unknown) => value)

export const fail: Task<[], never> = task({ name: 'conformance.fail', retry: { giveUpOn: ['E_FINAL'] } }, () => {
  throw new OrderError('order 7 is incomplete', { cause: new TypeError('no address') })
})

export const failSoon: Task<[code: string], Promise<never>> = task({ name: 'conformance.failSoon', retry: { giveUpOn: ['E_FINAL'] } }, async (code: string) => {
  await nextTurn()
  throw Object.assign(new RangeError('too far'), { code })
})

export const failWith: Task<[value: unknown], never> = task({ name: 'conformance.failWith' }, (value: unknown) => {
  throw value
})

export const failUncloneably: Task<[], never> = task({ name: 'conformance.failUncloneably' }, () => {
  throw Object.assign(new Error('with a function'), { handler: () => {}, order: 7 })
})

export const returnFunction: Task<[], unknown> = task({ name: 'conformance.returnFunction' }, () => ({ rows: [1, { onClick() {} }] }))

/** Writes 1 to the first cell, then waits until its signal aborts and writes 2. */
export const waitForAbort: Task<[cells: Int32Array], Promise<string>> = task({ name: 'conformance.waitForAbort' }, async (cells: Int32Array) => {
  const { signal } = context()
  const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
  tell(cells, 0, 1)
  await aborted
  tell(cells, 0, 2)
  return 'ended by itself'
})

/** Writes 1 to the first cell, then waits until the second is not 0, whatever its signal does. */
export const waitForCell: Task<[cells: Int32Array], Promise<string>> = task({ name: 'conformance.waitForCell' }, async (cells: Int32Array) => {
  tell(cells, 0, 1)
  while (Atomics.load(cells, 1) === 0) await nextTurn()
  tell(cells, 0, 2)
  return 'done'
})

/** Counts in the second cell, without end. */
export const spin: Task<[cells: Int32Array], never> = task({ name: 'conformance.spin' }, (cells: Int32Array) => {
  tell(cells, 0, 1)
  for (;;) Atomics.add(cells, 1, 1)
})

export const exit: Task<[code: number], never> = task({ name: 'conformance.exit' }, (code: number) => process.exit(code))

/** Fails in a callback that nothing awaits, while it waits itself. */
export const failLate: Task<[], Promise<void>> = task({ name: 'conformance.failLate' }, async () => {
  setImmediate(() => { throw new Error('in a callback') })
  await new Promise(() => { keepAlive() })
})

export const rejectLate: Task<[], Promise<void>> = task({ name: 'conformance.rejectLate' }, async () => {
  void nextTurn().then(() => { throw new Error('in a promise') })
  await new Promise(() => { keepAlive() })
})

export const contextOf: Task<[], unknown> = task({ name: 'conformance.contextOf' }, () => {
  const { task: name, job, attempt, deadline } = context()
  return { name, job, attempt, hasDeadline: deadline !== Infinity }
})

class OrderError extends Error {
  override name = 'OrderError'
  readonly code = 'E_ORDER'
  readonly order = 7
}

function tell(cells: Int32Array, index: number, value: number): void {
  Atomics.store(cells, index, value)
  Atomics.notify(cells, index)
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** A promise alone keeps no thread alive. */
function keepAlive(): void {
  setImmediate(keepAlive)
}
