import { appendFileSync, existsSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { context } from '../../tasks/context.ts'
import type { Middleware } from '../../tasks/middleware.ts'
import { sleep } from '../../concurrency/sleep.ts'
import { taskGroup } from '../../concurrency/task-group.ts'
import { type Task, task } from '../../tasks/task.ts'

// What the executor conformance suite runs. A mark, the path of a file, tells the test how far a call has come: a byte for each step.

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

/** Errors that make trouble when they are read. */
const oddErrors: Readonly<Record<string, () => unknown>> = {
  ...Object.fromEntries(['message', 'stack', 'name', 'cause', 'code', 'errors', 'constructor'].map((key) => [
    `a getter for ${key} that throws`, () => Object.defineProperty(new Error('odd'), key, { get: () => { throw new Error('unreadable') } })
  ])),
  'a name that is a symbol': () => Object.assign(new Error('odd'), { name: Symbol('name') }),
  'a message without a text': () => Object.assign(new Error(), { message: Object.create(null) as unknown }),
  'a proxy whose traps throw': () => new Proxy(new Error('odd'), { get: () => { throw new Error('trapped') }, getPrototypeOf: () => { throw new Error('trapped') } }),
  'a proxy that was revoked': revoked,
  'a gathered list without end': () => Object.assign(new AggregateError([]), { errors: Object.assign([], { length: 4e9 }) }),
  'gathered errors that are a proxy': () => Object.assign(new AggregateError([]), { errors: new Proxy([1], { get: () => { throw new Error('trapped') } }) }),
  'one error gathered a million times': () => Array.from({ length: 6 }).reduce<Error>((error) => new AggregateError(Array.from({ length: 10 }, () => error), 'ten'), new Error('one')),
  'a field that looks like an error on its way': () => Object.assign(new Error('odd'), { body: { $error: { name: null, message: 'm', errors: 5 } } })
}

export const oddErrorNames: readonly string[] = Object.keys(oddErrors)

export const failOddly: Task<[form: string], never> = task({ name: 'conformance.failOddly' }, (form: string) => {
  throw oddErrors[form]!()
})

/** Results that make trouble when they are looked at. */
const oddResults: Readonly<Record<string, () => unknown>> = {
  // oxlint-disable-next-line unicorn/no-thenable -- that is the point
  'a then that throws': () => Object.defineProperty({}, 'then', { get: () => { throw new Error('unreadable') } }),
  'a proxy whose traps throw': () => new Proxy({}, { has: () => { throw new Error('trapped') }, get: () => { throw new Error('trapped') } }),
  'a proxy that was revoked': revoked
}

export const oddResultNames: readonly string[] = Object.keys(oddResults)

export const returnOddly: Task<[form: string], unknown> = task({ name: 'conformance.returnOddly' }, (form: string) => oddResults[form]!())

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

export const returnFunction: Task<[], unknown> = task({ name: 'conformance.returnFunction' }, () => ({ rows: [1, { onClick() {} }] }))

/** Takes a step, waits in a group in a scope, which nothing but the call's end cancels, and takes another. */
export const waitInScope: Task<[mark: string], Promise<string>> = task({ name: 'conformance.waitInScope' }, async (mark: string) => {
  step(mark)
  try {
    await taskGroup((group) => { group.start(() => sleep('1h')) })
    return 'slept'
  } finally {
    step(mark)
  }
})

/** Takes a step, waits until its signal aborts, and takes another. */
export const waitForAbort: Task<[mark: string], Promise<string>> = task({ name: 'conformance.waitForAbort' }, async (mark: string) => {
  const { signal } = context()
  const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
  step(mark)
  await aborted
  step(mark)
  return 'ended by itself'
})

/** Takes a step, waits until it is let go, whatever its signal does, and takes another. */
export const waitForMark: Task<[mark: string], Promise<string>> = task({ name: 'conformance.waitForMark' }, async (mark: string) => {
  step(mark)
  while (!existsSync(`${mark}.go`)) await nextTurn()
  step(mark)
  return 'done'
})

/** Takes a step, then counts in a file beside the mark, without end. */
export const spin: Task<[mark: string], never> = task({ name: 'conformance.spin' }, (mark: string) => {
  step(mark)
  const counter = openSync(`${mark}.count`, 'w')
  for (let count = 0; ; count++) writeSync(counter, String(count), 0)
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

/** Fails in a callback, with an error that holds what cannot be sent. */
export const failLateUncloneably: Task<[], Promise<void>> = task({ name: 'conformance.failLateUncloneably' }, async () => {
  setImmediate(() => { throw Object.assign(new Error('in a callback'), unsendable()) })
  await new Promise(() => { keepAlive() })
})

/** Returns at once, and throws where nothing catches it when its mark is released. */
export const leaveBomb: Task<[mark: string], string> = task({ name: 'conformance.leaveBomb' }, (mark: string) => {
  const look = (): void => {
    if (existsSync(`${mark}.go`)) throw new Error('too late')
    setImmediate(look)
  }
  look()
  return 'returned'
})

/** Returns, and leaves a rejection that nothing handles. */
export const leaveRejection: Task<[], Promise<string>> = task({ name: 'conformance.leaveRejection' }, async () => {
  void Promise.reject(new Error('nobody handles this'))
  return 'returned'
})

/** Returns at once, and leaves a rejection that nothing handles when its mark is released. */
export const leaveLateRejection: Task<[mark: string], string> = task({ name: 'conformance.leaveLateRejection' }, (mark: string) => {
  const look = async (): Promise<void> => {
    while (!existsSync(`${mark}.go`)) await nextTurn()
    throw new Error('too late')
  }
  void look()
  return 'returned'
})

/** Writes the number of its process beside its mark, takes a step, and waits to be killed. */
export const awaitDeath: Task<[mark: string], Promise<void>> = task({ name: 'conformance.awaitDeath' }, async (mark: string) => {
  writeFileSync(`${mark}.pid`, String(process.pid))
  step(mark)
  await new Promise(() => { keepAlive() })
})

/** Ends its own process by a signal. */
export const signalSelf: Task<[signal: NodeJS.Signals], Promise<void>> = task({ name: 'conformance.signalSelf' }, async (signal: NodeJS.Signals) => {
  process.kill(process.pid, signal)
  await new Promise(() => { keepAlive() })
})

export const exhaustHeap: Task<[], never> = task({ name: 'conformance.exhaustHeap' }, () => {
  const hoard: unknown[] = []
  for (;;) hoard.push(Array.from({ length: 1_000 }, (_, index) => index))
})

/** Fills buffers, which no limit of the heap sees. */
export const exhaustBuffers: Task<[], never> = task({ name: 'conformance.exhaustBuffers' }, () => {
  const hoard: Uint8Array[] = []
  for (;;) hoard.push(new Uint8Array(2 ** 20).fill(1))
})

export const contextOf: Task<[], unknown> = task({ name: 'conformance.contextOf', version: 3 }, () => {
  const { task: name, version, job, attempt, deadline } = context()
  return { name, version, job, attempt, hasDeadline: deadline !== Infinity }
})

/** Says how far it is, synchronously, far more often than anybody wants to hear. */
export const countUp: Task<[to: number], number> = task({ name: 'conformance.countUp' }, (to: number) => {
  for (let done = 0; done <= to; done++) context().progress(done, to, 'counting')
  return to
})

/** Says two things at once, takes a step, and waits until it is let go. */
export const sayAndWait: Task<[mark: string], Promise<void>> = task({ name: 'conformance.sayAndWait' }, async (mark: string) => {
  const { progress } = context()
  progress(1)
  progress(2)
  step(mark)
  while (!existsSync(`${mark}.go`)) await nextTurn()
})

export const misreport: Task<[done: number, total?: number], void> = task({ name: 'conformance.misreport' }, (done: number, total?: number) => context().progress(done, total))

export const logLines: Task<[lines: number], void> = task({ name: 'conformance.logLines' }, (lines: number) => {
  const log = context().log.child({ part: 'a' })
  for (let line = 0; line < lines; line++) log.info({ line }, 'a line')
})

export const logAndFail: Task<[], Promise<never>> = task({ name: 'conformance.logAndFail' }, async () => {
  context().log.warn({ handler: () => {}, order: 7 }, 'with a function')
  await nextTurn()
  throw new Error('after the line')
})

/** Says what cannot be sent in every way there is, and fails with it. */
export const sayUnsendable: Task<[], Promise<never>> = task({ name: 'conformance.sayUnsendable' }, async () => {
  context().log.child({ bound: unsendable() }).warn({ ...unsendable(), order: 7 }, 'a line')
  await nextTurn()
  throw Object.assign(new Error('after the line', { cause: unsendable() }), { ...unsendable(), order: 7 })
})

const outer: Middleware = {
  async run({ task: name, args }, next) {
    trail.push(`outer ${name} ${String(args[0])} ${context().task}`)
    const result = await next()
    trail.push('outer ends')
    return result
  }
}

const inner: Middleware = {
  async run(_, next) {
    trail.push('inner')
    return next()
  }
}

const trail: string[] = []

/** Gives what its middleware left, of this call and of those before it on the same thread. */
export const trailOf: Task<[value: number], string[]> = task({ name: 'conformance.trailOf', middleware: [outer, {}, inner] }, (value: number) => {
  trail.push(`function ${value}`)
  return [...trail]
})

const refusing: Middleware = {
  run() {
    throw Object.assign(new Error('not today'), { code: 'E_REFUSED' })
  }
}

export const refused: Task<[], number> = task({ name: 'conformance.refused', middleware: [refusing], retry: { giveUpOn: ['E_REFUSED'] } }, () => 1)

const twice: Middleware = {
  async run<Result>(_: unknown, next: () => Promise<Result>) {
    const first = await next()
    const code = await next().then(() => 'ran again', (error: unknown) => (error as { code?: string }).code)
    return [code, first] as Result
  }
}

/** Gives how often it has run in this place, and what its middleware heard of a second time. */
export const runTwice: Task<[value: number], unknown> = task({ name: 'conformance.runTwice', middleware: [twice] }, () => ++runs)

let runs = 0

class OrderError extends Error {
  override name = 'OrderError'
  readonly code = 'E_ORDER'
  readonly order = 7
}

function unsendable(): Record<string, unknown> {
  return { handler: () => {}, memory: new SharedArrayBuffer(8), cells: new Int32Array(new SharedArrayBuffer(8)), promise: Promise.resolve(), key: Symbol('key'), proxy: new Proxy({}, {}) }
}

function step(mark: string): void {
  appendFileSync(mark, '.')
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** A promise alone keeps no thread alive. */
function keepAlive(): void {
  setImmediate(keepAlive)
}
