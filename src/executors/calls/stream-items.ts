import { once } from 'node:events'
import { createConnection } from 'node:net'
import { SocketLink } from '../../concurrency/processes/socket-link.ts'
import { RemoteEnd } from '../../concurrency/remote/remote-end.ts'
import { shield } from '../../concurrency/timeouts.ts'
import { NotAGeneratorError, QueueShutDownError } from '../../kernel/errors.ts'
import { context } from '../../tasks/context.ts'
import { TaskLoader } from '../../tasks/loader.ts'
import { type Task, type TaskDefinition, type TaskRef, task } from '../../tasks/task.ts'
import { encode } from '../../wire/codec.ts'
import { toPortable } from '../../wire/portable-error.ts'
import { cloneableError } from '../../wire/uncloneable.ts'
import { RunningCall } from '../running-call.ts'
import { hostLine } from './host-line.ts'
import { LoopSink, type Sink, ahead, isEndOfLeft } from './streams.ts'

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
    const streaming = stream(items, sink, definition.name, signal)
    if (sink instanceof LoopSink) sink.ended = streaming
    await streaming
  }
)

async function stream(items: Iterable<unknown> | AsyncIterable<unknown>, sink: Sink, task: string, signal: AbortSignal): Promise<void> {
  using line = await lineTo(sink)
  const underWay: Promise<unknown>[] = []
  let refused: { readonly error: unknown } | undefined
  try {
    for await (const item of items) {
      // The word that it was left may come a moment after the queue was shut down.
      if (refused?.error instanceof QueueShutDownError) await aborted(signal)
      // Left by `break`, the loop throws what the generator's own end does.
      if (signal.aborted || refused) break
      underWay.push(line.put(item, task).catch((error: unknown) => { refused ??= { error } }))
      if (underWay.length >= ahead) await underWay.shift()
    }
    signal.throwIfAborted()
    await Promise.all(underWay)
    if (refused) throw refused.error
  } catch (error) {
    // The call itself is known as cancelled, whatever it threw.
    if ((signal.aborted || refused) && !isEndOfLeft(error)) await line.fail(error)
    throw error
  } finally {
    // An error comes after the items before it.
    await Promise.all(underWay)
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort')
}

interface Line extends Disposable {
  /** @throws UncloneableError */
  put(item: unknown, task: string): Promise<unknown>
  /** It went wrong in the end of a generator that was left. */
  fail(error: unknown): Promise<unknown>
}

async function lineTo(sink: Sink): Promise<Line> {
  if (sink instanceof LoopSink) return { put: (item) => sink.items.put(item), fail: async () => {}, [Symbol.dispose]: () => {} }
  const [stream, address] = sink
  const end = address === undefined ? hostLine() : await connected(address)
  return {
    put(item, name) {
      const put = end.ask('item', [stream, encode(item, `An item of '${name}'`, 'item')], 'Room in the stream')
      // A generator that computes may not let this thread turn before its next item.
      end.flush()
      return put
    },
    fail: (error) => shield(() => end.ask('failed', [stream, cloneableError(toPortable(error))], 'The end of the stream')),
    // A thread has one line for all.
    [Symbol.dispose]: () => { if (address !== undefined) end.close() }
  }
}

async function connected(address: string): Promise<RemoteEnd> {
  const socket = createConnection(address)
  await once(socket, 'connect')
  return new RemoteEnd(new SocketLink(socket))
}

function isIterable(value: unknown): value is Iterable<unknown> | AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value)
}
