import type { ResourceLimits } from 'node:worker_threads'
import type { Call } from '../../src/executors/executor.ts'
import { type AnyTask, definitionOf } from '../../src/tasks/task.ts'

export function call(task: AnyTask, args: readonly unknown[], more: Partial<Call> = {}): Call {
  return { task: definitionOf(task, 'call'), input: { args }, timeout: Infinity, ...more }
}

export function cells(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(12))
}

/** Resolves when the first cell has reached `value`. */
export async function reaches(own: Int32Array, value: number): Promise<void> {
  for (let seen = Atomics.load(own, 0); seen < value; seen = Atomics.load(own, 0)) await Atomics.waitAsync(own, 0, seen).value
}

/** Lets go a call that waits for its second cell. */
export function letGo(own: Int32Array): void {
  Atomics.store(own, 1, 1)
  Atomics.notify(own, 1)
}

const killsAll = 'the signal would end the whole process'
const notItsOwn = 'a limit of a thread is one of its heap: what buffers take is the whole process\'s'

/** What no thread can pass of the executor conformance suite. */
export const skippedOnThreads: Readonly<Record<string, string>> = {
  'memory outside the heap that is exhausted loses only its own call': notItsOwn,
  'memory outside the heap that is exhausted costs the calls beside it nothing': notItsOwn,
  'where what runs calls is replaced again and again, since it holds too much, no call is lost': notItsOwn,
  'SIGSEGV loses only its own call': killsAll,
  'SIGABRT loses only its own call': killsAll,
  'SIGKILL from outside loses only the call that was running': killsAll,
  'among 200 calls one that dies of SIGKILL costs the others nothing': killsAll,
  'among 200 calls several that die of SIGKILL cost the others nothing': killsAll,
  'among 200 calls of a task known to be short one that dies of SIGKILL is all that is charged': killsAll,
  'among 200 calls one that is killed from outside costs the others nothing': killsAll
}

export function limits(heap: number | undefined): { resourceLimits?: ResourceLimits } {
  return heap === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: heap } }
}
