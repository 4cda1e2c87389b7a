import { createConnection } from 'node:net'
import { SocketLink } from '../processes/socket-link.ts'
import { type LinkEnd, PortLink } from '../threads/port-link.ts'
import type { Link } from './link.ts'
import { RemoteBarrier, RemoteEvent } from './remote-event.ts'
import { RemoteQueue } from './remote-queue.ts'
import { RemoteSemaphore } from './remote-semaphore.ts'

/** From where something is shared: the end that `serve` gave to this thread, or the address of a listener of another process. */
export type Origin = LinkEnd | string

/**
 * A queue that lives in another thread or process, as one of this one. Items are copied, as `postMessage` does, or moved with `transfer`.
 * Where that thread or process cannot be reached, or ends, whatever is asked of it fails with LinkLostError.
 *
 * @example
 * using queue = connectQueue<number>(serve(new Queue<number>()))
 * await queue.put(1)
 * await queue.get()   // 1
 */
export function connectQueue<T>(origin: Origin): RemoteQueue<T> {
  return new RemoteQueue(linkTo(origin))
}

/**
 * A lock of another thread or process, as one of this one.
 *
 * @example
 * using lock = connectLock(serve(new Lock()))
 * await lock.run(() => 42)   // 42
 */
export function connectLock(origin: Origin): RemoteSemaphore {
  return new RemoteSemaphore(linkTo(origin), 'A lock')
}

/**
 * A semaphore of another thread or process, as one of this one.
 *
 * @example
 * using semaphore = connectSemaphore(serve(new Semaphore(2)))
 * using permit = await semaphore.acquire()
 */
export function connectSemaphore(origin: Origin): RemoteSemaphore {
  return new RemoteSemaphore(linkTo(origin), 'A semaphore')
}

/**
 * An event of another thread or process, as one of this one.
 *
 * @example
 * using ready = connectEvent(serve(new Event()))
 * ready.set()
 * await ready.wait()
 */
export function connectEvent(origin: Origin): RemoteEvent {
  return new RemoteEvent(linkTo(origin))
}

/**
 * A barrier of another thread or process, as one of this one.
 *
 * @example
 * using barrier = connectBarrier(serve(new Barrier(1)))
 * await barrier.wait()   // 0
 */
export function connectBarrier(origin: Origin): RemoteBarrier {
  return new RemoteBarrier(linkTo(origin))
}

function linkTo(origin: Origin): Link {
  return typeof origin === 'string' ? new SocketLink(createConnection(origin)) : new PortLink(origin)
}
