import type { Servable } from '../../concurrency/remote/served-end.ts'
import { NoHostError } from '../../kernel/errors.ts'
import type { Streams } from '../calls/streams.ts'
import type { TaskRef } from '../../tasks/task.ts'
import { decode, encode } from '../../wire/codec.ts'
import { type PortableError, toPortable } from '../../wire/portable-error.ts'
import { cloneableError } from '../../wire/uncloneable.ts'

/** Runs a task on the host's loop, for a call on one of its threads. */
export type HostCall = (task: TaskRef, args: readonly unknown[], signal: AbortSignal) => Promise<unknown>

/** A call as it is asked for: encoded, so that all that can be sent arrives equal. */
export type AskedOfHost = readonly [name: string, source: TaskRef['source'], args: Uint8Array]

export type ToldByHost = readonly [value: Uint8Array] | readonly [undefined, error: PortableError]

/** Where no host runs tasks for its threads: a worker's supervisor runs no user code. */
export const noHostCalls: HostCall = () => Promise.reject(new NoHostError('A worker runs no tasks beside those of its jobs'))

/** What a thread may ask of its host: to run a task, and to take what it streams. */
export function hostCalls(run: HostCall, streams: Streams): Servable {
  const call = async (asked: AskedOfHost, signal: AbortSignal): Promise<ToldByHost> => {
    const [name, source, args] = asked
    try {
      const value = await run({ name, source }, decode(args) as unknown[], signal)
      return [encode(value, `The result of '${name}'`, 'result')]
    } catch (error) {
      // Nobody waits for it any more.
      if (signal.aborted) throw error
      return [undefined, cloneableError(toPortable(error))]
    }
  }
  return { asked: { call: (asked, signal) => call(asked as AskedOfHost, signal()), ...streams.servable.asked }, told: {} }
}
