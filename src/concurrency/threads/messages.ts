import type { MessagePort } from 'node:worker_threads'

/** What a thread is given to reach a queue of another: it can be sent to it, its port in the transfer list. */
export interface QueueEnd {
  readonly port: MessagePort
  /** Counts what was posted to the port, for who waits with its thread asleep. */
  readonly bell: SharedArrayBuffer
}

/** What a thread asks of the queue. */
export type Request<T> =
  /** The first has this id, each other the next. */
  | { readonly kind: 'put', readonly id: number, readonly items: T[] }
  | { readonly kind: 'get' | 'join', readonly id: number }
  /** It is not wanted any more; the answer says whether it was done all the same. */
  | { readonly kind: 'cancel', readonly id: number }
  /** What was got has arrived: it is not the queue's any more. */
  | { readonly kind: 'arrived', readonly id: number }
  | { readonly kind: 'taskDone' }
  | { readonly kind: 'shutdown', readonly immediate: boolean }

export type Answer<T> =
  /** So many, from this id on. */
  | { readonly kind: 'done', readonly id: number, count: number }
  | { readonly kind: 'item', readonly id: number, readonly item: T }
  | { readonly kind: 'cancelled', readonly id: number }
  | { readonly kind: 'shutDown', readonly id: number }
  | { readonly kind: 'refused', readonly id: number, readonly message: string }
