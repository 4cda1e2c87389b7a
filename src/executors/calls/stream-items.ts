import { createConnection } from 'node:net'
import { SocketLink } from '../../concurrency/processes/socket-link.ts'
import { Queue } from '../../concurrency/queue.ts'
import { RemoteEnd } from '../../concurrency/remote/remote-end.ts'
import { NotAGeneratorError } from '../../kernel/errors.ts'
import { context } from '../../tasks/context.ts'
import { TaskLoader } from '../../tasks/loader.ts'
import { type Task, type TaskDefinition, type TaskRef, task } from '../../tasks/task.ts'
import { encode } from '../../wire/codec.ts'
import { RunningCall } from '../running-call.ts'
import { hostLine } from './host-line.ts'
import { type Sink, ahead } from './streams.ts'

export const streamTask = 'treadle.stream'

/** Calls a task in its own place and puts what its generator yields into the sink, so many items ahead. */
export const streamItems: Task<[ref: TaskRef | TaskDefinition, args: readonly unknown[], sink: Sink], Promise<void>> = task(
  { name: streamTask },
  async (ref: TaskRef | TaskDefinition, args: readonly unknown[], sink: Sink) => {
    const call = context() as RunningCall
    const { signal } = call
    const definition = 'fn' in ref ? ref : await new TaskLoader().load(ref)
    const items = await call.callInstead(definition, args)
    if (!isIterable(items)) throw new NotAGeneratorError(definition.name)
    using line = lineTo(sink)
    const underWay: Promise<unknown>[] = []
    try {
      for await (const item of items) {
        signal.throwIfAborted()
        const put = line.put(item, definition.name)
        put.catch(() => {})
        underWay.push(put)
        if (underWay.length >= ahead) await underWay.shift()
      }
      await Promise.all(underWay)
    } finally {
      // An error comes after the items before it.
      await Promise.allSettled(underWay)
    }
  }
)

interface Line extends Disposable {
  put(item: unknown, task: string): Promise<unknown>
}

function lineTo(sink: Sink): Line {
  if (sink instanceof Queue) return { put: (item) => sink.put(item), [Symbol.dispose]: () => {} }
  const [stream, address] = sink
  const end = address === undefined ? hostLine() : new RemoteEnd(new SocketLink(createConnection(address)))
  return {
    put: async (item, name) => end.ask('item', [stream, encode(item, `An item of '${name}'`, 'item')], 'Room in the stream'),
    // A thread has one line for all.
    [Symbol.dispose]: () => { if (address !== undefined) end.close() }
  }
}

function isIterable(value: unknown): value is Iterable<unknown> | AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value)
}
