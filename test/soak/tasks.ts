import { setImmediate as nextTurn } from 'node:timers/promises'
import { context } from '../../src/tasks/context.ts'
import { type Task, task } from '../../src/tasks/task.ts'

// What a soak has its pools do.

/** Counts in its slot that it ran. */
function count(ran: Int32Array | undefined, slot: number): void {
  if (ran) Atomics.add(ran, slot, 1)
}

export const double: Task<[n: number, slot: number, ran?: Int32Array], number> = task({ name: 'soak.double' }, (n: number, slot: number, ran?: Int32Array) => {
  count(ran, slot)
  return 2 * n
})

export const doubleSoon: Task<[n: number, slot: number, ran?: Int32Array], Promise<number>> = task({ name: 'soak.doubleSoon' }, async (n: number, slot: number, ran?: Int32Array) => {
  count(ran, slot)
  await nextTurn()
  return 2 * n
})

export const echo: Task<[value: unknown], unknown> = task({ name: 'soak.echo' }, (value: unknown) => value)

export const fail: Task<[order: number], never> = task({ name: 'soak.fail' }, (order: number) => {
  throw Object.assign(new RangeError('on purpose'), { code: 'E_SOAK', order })
})

export const giveFunction: Task<[], unknown> = task({ name: 'soak.giveFunction' }, () => ({ callback() {} }))

/** Waits until its signal aborts. */
export const wait: Task<[], Promise<never>> = task({ name: 'soak.wait' }, async () => {
  const { signal } = context()
  while (!signal.aborted) await nextTurn()
  throw signal.reason
})

export const spin: Task<[], never> = task({ name: 'soak.spin' }, () => { for (;;); })

export const exit: Task<[code: number], never> = task({ name: 'soak.exit' }, (code: number) => process.exit(code))

export const exhaust: Task<[], never> = task({ name: 'soak.exhaust' }, () => {
  for (const hoard: unknown[] = []; ;) hoard.push(Array.from({ length: 1_000 }, (_, index) => index))
})

export const kill: Task<[], void> = task({ name: 'soak.kill' }, () => { process.kill(process.pid, 'SIGKILL') })

/** Fails where nothing catches it, while it waits. */
export const failLate: Task<[], Promise<never>> = task({ name: 'soak.failLate' }, async () => {
  setImmediate(() => { throw new Error('late, on purpose') })
  for (;;) await nextTurn()
})

/** Returns, and fails afterwards where nothing catches it. */
export const leaveBomb: Task<[n: number], number> = task({ name: 'soak.leaveBomb' }, (n: number) => {
  setImmediate(() => { throw new Error('afterwards, on purpose') })
  return 2 * n
})

const hoard: Uint8Array[] = []

/** Keeps so many bytes for as long as its process lives. */
export const keep: Task<[n: number, bytes: number], number> = task({ name: 'soak.keep' }, (n: number, bytes: number) => {
  hoard.push(new Uint8Array(bytes).fill(1))
  return 2 * n
})
