import { type Shareable, servableOf } from '../remote/servable.ts'
import { ServedEnd } from '../remote/served-end.ts'
import { type LinkEnd, PortLink, linkEnds } from './port-link.ts'

/**
 * Gives another thread an end of a queue, lock, semaphore, event or barrier of this one: there `connectQueue`, `connectLock` and so on make
 * one of it. Each end is for one thread; serve it as often as there are threads. What waits for a thread that ends, however it ends, waits
 * no more; an item that was on its way to it is put back before all others, so that others get it (later than one that came after it, perhaps),
 * and what it held is given back.
 *
 * What is shared lives in this thread: while that computes, the others wait.
 *
 * @throws InvalidOptionError
 *
 * @example
 * const queue = new Queue<string>()
 * const end = serve(queue)
 * new Worker('process.exit()', { eval: true, workerData: end, transferList: [end.port] })
 */
export function serve<T>(thing: Shareable<T>): LinkEnd {
  const [own, other] = linkEnds()
  new ServedEnd(new PortLink(own), servableOf(thing as Shareable<never>)).begin()
  return other
}
