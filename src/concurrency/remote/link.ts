import type { Transferable } from 'node:worker_threads'
import type { Message } from './messages.ts'

/**
 * A line between two threads or processes. What one side posts arrives at the other in order; what it posted before it ended, by whatever
 * cause, arrives all the same, or none of what came after does.
 */
export interface Link<Out extends readonly unknown[] = Message, In = Message> {
  /**
   * Posts it. It is not sent before `flush`, unless it is on its way already.
   *
   * @param transfer what is moved and not copied
   * @throws what says why it cannot be sent: then it was not
   */
  post(message: Out, transfer?: readonly Transferable[]): void
  flush(): void
  /** Called once, before anything is posted. */
  listen(listener: LinkListener<In>): void
  /** Whether it keeps the program alive, while somebody waits. */
  hold(on: boolean): void
  /** Sleeps with this thread until something has come and was heard, at most so many milliseconds. Not every link can. */
  sleep?(ms: number): void
  /** Says nothing more, and hears on until the other side has ended too. Not every link can. */
  end?(): void
  close(): void
}

export interface LinkListener<In = Message> {
  heard(message: In): void
  /** All that has come by now was heard. */
  caughtUp(): void
  /** The other side has ended, or has closed it, and all that it posted before was heard. Not called after `close`. */
  closed(why?: unknown): void
}
