import { isDeepStrictEqual } from 'node:util'
import type { Call, CancelSignal, Outcome } from '../../src/executors/executor.ts'
import { type AnyTask, definitionOf } from '../../src/tasks/task.ts'
import * as tasks from './tasks.ts'

/** What a call of a soak is made of. */
export interface Making {
  readonly index: number
  readonly random: () => number
  /** Where the calls of threads count that they ran, and which cell is this call's: no other call under way has it. */
  readonly ran: Int32Array | undefined
  readonly slot: number
  /** Never aborts: what listens to it has to leave it again. */
  readonly patient: CancelSignal
}

/** A call, and what may become of it. */
export interface Made {
  readonly call: Call
  readonly possible: (outcome: Outcome) => boolean
  /** What happens once it was given. */
  readonly afterwards?: () => void
}

/** One way for a call to go. */
export interface Kind {
  readonly name: string
  /** How many of a hundred thousand calls are so. */
  readonly share: number
  /** Its thread or process ends by it, and another has to start. */
  readonly costly?: true
  /** Only child processes can take it. */
  readonly inProcesses?: true
  readonly make: (making: Making) => Made
}

function call(task: AnyTask, args: readonly unknown[], more: Partial<Call> = {}): Call {
  return { task: definitionOf(task, 'the soak'), input: { args }, timeout: Infinity, ...more }
}

const returns = (value: unknown) => (outcome: Outcome): boolean => outcome.kind === 'returned' && isDeepStrictEqual(outcome.value, value)
const either = (...possible: readonly ((outcome: Outcome) => boolean)[]) => (outcome: Outcome): boolean => possible.some((one) => one(outcome))
const is = (kind: Outcome['kind'], code?: string) => (outcome: Outcome): boolean => outcome.kind === kind && (code === undefined || ('error' in outcome && outcome.error.code === code))
const dies = either(is('died', 'THREAD_EXITED'), is('died', 'PROCESS_EXITED'))

const doubles = ({ index, slot, ran }: Making): unknown[] => ran ? [index, slot, ran] : [index, slot]

/** Aborts at once, or after some turns. */
function abortSoon(abort: AbortController, random: () => number): () => void {
  return () => {
    const turn = (left: number): void => {
      if (left === 0) abort.abort()
      else setImmediate(turn, left - 1)
    }
    turn(Math.floor(random() * 4))
  }
}

function aborted(task: AnyTask, args: readonly unknown[], possible: Made['possible'], random: () => number): Made {
  const abort = new AbortController()
  return { call: call(task, args, { signal: abort.signal }), possible, afterwards: abortSoon(abort, random) }
}

const value = (index: number): unknown => ({ index, at: new Date(index), names: new Map([['a', [index, index]]]), big: BigInt(index), floats: new Float64Array([index, -0]) })

/** After one of these, the call that comes next on its host may be handed back. */
export const bomb = 'leaves an error behind'

export const kinds: readonly Kind[] = [
  { name: 'short', share: 70_000, make: (making) => ({ call: call(tasks.double, doubles(making)), possible: returns(2 * making.index) }) },
  { name: 'async', share: 8_000, make: (making) => ({ call: call(tasks.doubleSoon, doubles(making)), possible: returns(2 * making.index) }) },
  { name: 'with a timeout', share: 3_000, make: (making) => ({ call: call(tasks.double, doubles(making), { timeout: 600_000 }), possible: returns(2 * making.index) }) },
  { name: 'with a signal', share: 5_000, make: (making) => ({ call: call(tasks.double, doubles(making), { signal: making.patient }), possible: returns(2 * making.index) }) },
  { name: 'a value', share: 3_000, make: ({ index }) => ({ call: call(tasks.echo, [value(index)]), possible: returns(value(index)) }) },
  { name: 'throws', share: 3_000, make: ({ index }) => ({
    call: call(tasks.fail, [index]),
    possible: (outcome) => outcome.kind === 'threw' && outcome.error.name === 'RangeError' && outcome.error.code === 'E_SOAK' && outcome.error.fields?.['order'] === index
  }) },
  { name: 'a result that cannot be sent', share: 1_000, make: () => ({ call: call(tasks.giveFunction, []), possible: is('threw', 'UNCLONEABLE') }) },
  { name: 'an argument that cannot be sent', share: 1_000, make: () => ({ call: call(tasks.echo, [{ callback() {} }]), possible: is('threw', 'UNCLONEABLE') }) },
  { name: 'aborted before', share: 500, make: () => ({ call: call(tasks.wait, [], { signal: AbortSignal.abort() }), possible: is('cancelled') }) },
  { name: 'aborted', share: 3_000, make: (making) => aborted(tasks.double, doubles(making), either(is('cancelled'), returns(2 * making.index)), making.random) },
  { name: 'aborted while it waits', share: 500, make: ({ random }) => aborted(tasks.wait, [], is('cancelled'), random) },
  { name: 'aborted in a loop without end', share: 10, costly: true, make: ({ random }) => aborted(tasks.spin, [], is('cancelled'), random) },
  { name: 'out of time', share: 100, make: () => ({ call: call(tasks.wait, [], { timeout: 1 }), possible: is('timedOut') }) },
  { name: 'out of time in a loop without end', share: 10, costly: true, make: () => ({ call: call(tasks.spin, [], { timeout: 1 }), possible: is('timedOut') }) },
  { name: 'exits', share: 20, costly: true, make: () => ({ call: call(tasks.exit, [3]), possible: dies }) },
  { name: 'fails late', share: 10, costly: true, make: () => ({ call: call(tasks.failLate, []), possible: dies }) },
  { name: bomb, share: 10, costly: true, make: ({ index }) => ({ call: call(tasks.leaveBomb, [index]), possible: returns(2 * index) }) },
  { name: 'exhausts its heap', share: 2, costly: true, make: () => ({ call: call(tasks.exhaust, []), possible: dies }) },
  { name: 'is killed', share: 20, costly: true, inProcesses: true, make: () => ({ call: call(tasks.kill, []), possible: dies }) },
  { name: 'makes its process large', share: 1_000, inProcesses: true, make: ({ index }) => ({ call: call(tasks.keep, [index, 2 ** 20]), possible: returns(2 * index) }) }
]
