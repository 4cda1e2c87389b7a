import { InvalidOptionError } from '../../kernel/errors.ts'
import { Barrier, Event } from '../event.ts'
import { Queue } from '../queue.ts'
import { Lock, Semaphore } from '../semaphore.ts'
import { servableBarrier, servableEvent } from './remote-event.ts'
import { servableQueue } from './remote-queue.ts'
import { servableSemaphore } from './remote-semaphore.ts'
import type { Servable } from './served-end.ts'

/** What other threads and processes can share. */
export type Shareable<T = unknown> = Queue<T> | Lock | Semaphore | Event | Barrier

/** @throws InvalidOptionError where it is none that can be shared */
export function servableOf(thing: Shareable<never>): Servable {
  if (thing instanceof Queue) return servableQueue(thing as unknown as Queue<unknown>)
  if (thing instanceof Lock || thing instanceof Semaphore) return servableSemaphore(thing)
  if (thing instanceof Event) return servableEvent(thing)
  if (thing instanceof Barrier) return servableBarrier(thing)
  throw new InvalidOptionError('What other threads and processes share', thing, 'a Queue, Lock, Semaphore, Event or Barrier')
}
