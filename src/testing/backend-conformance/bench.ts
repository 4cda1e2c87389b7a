import type { Backend } from '../../backends/backend.ts'
import type { AttemptRef, Delivery, Reservation, ReserveRequest, Settlement } from '../../backends/broker.ts'
import type { Ending } from '../../backends/store.ts'
import { type Job, type NewJob, lines } from '../../jobs/job.ts'
import type { VirtualClock } from '../../kernel/virtual-clock.ts'
import type { PortableError } from '../../wire/portable-error.ts'

export interface Matchers {
  toBe(expected: unknown): void
  toEqual(expected: unknown): void
  toMatchObject(expected: object): void
  toBeLessThanOrEqual(expected: number): void
  toBeGreaterThan(expected: number): void
  readonly rejects: { toMatchObject(expected: object): Promise<void> }
}

/** What of a test runner the suite uses; Vitest's has this shape. */
export interface TestRunner {
  readonly describe: (name: string, body: () => void) => void
  readonly test: ((name: string, body: () => Promise<void>) => void) & { skip: (name: string, body: () => Promise<void>) => void }
  readonly expect: (value: unknown, message?: string) => Matchers
}

/** What a case works with. */
export interface Bench {
  readonly expect: TestRunner['expect']
  /** The time of the backend, where it can be given one. */
  readonly clock: VirtualClock
  readonly backend: Backend
  /** How many random histories are replayed, and which. */
  readonly histories: { readonly runs: number, readonly seed?: number | undefined }
  /** One more handle on the same jobs; closed when the case ends. */
  readonly another: () => Promise<Backend>
  /** A place without jobs; the handles on it are closed when it is disposed. */
  readonly fresh: () => { open(): Promise<Backend> } & AsyncDisposable
}

export type Cases = Readonly<Record<string, (bench: Bench) => Promise<void>>>

let made = 0

/** Ids that rise. */
export function nextId(): string {
  return `job-${String(made++).padStart(8, '0')}`
}

export function newJob(given: Partial<NewJob> = {}): NewJob {
  return {
    id: nextId(), task: 'task', queue: 'default', place: 'thread', priority: 0, payload: bytes('payload'), delay: 0, expires: Infinity, tags: [],
    ...given
  }
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

export const error: PortableError = { name: 'RangeError', message: 'no', code: 'E_NO', fields: { at: new Date(0), deep: { list: [1n] } } }
export const spent = { wall: 12.5, cpu: 3.25 }
export const result: Uint8Array = bytes('result')

/** The least lease; no test that uses it lets time pass. */
export function request(given: Partial<ReserveRequest> = {}): ReserveRequest {
  return { worker: 'worker-1', queues: ['default'], room: Object.fromEntries(lines.map((line) => [line, 10])), lease: 60_000, ...given }
}

export function ids(reservation: Reservation | undefined): readonly string[] {
  return (reservation?.deliveries ?? []).map((delivery) => delivery.job)
}

export function ref({ job, token }: AttemptRef): AttemptRef {
  return { job, token }
}

export function settlement({ job, token }: AttemptRef, outcome: Settlement['outcome']): Settlement {
  return { job, token, outcome }
}

export function succeed(delivery: AttemptRef): Settlement {
  return settlement(delivery, { event: 'succeed', result, spent })
}

/** Publishes one job and reserves it. */
export async function deliver(backend: Backend, given: Partial<NewJob> = {}, asked: Partial<ReserveRequest> = {}): Promise<Delivery> {
  const job = newJob(given)
  await backend.publish([job])
  const { deliveries } = await backend.reserve(request({ queues: [job.queue], ...asked }))
  const delivery = deliveries.find((one) => one.job === job.id)
  if (!delivery) throw new Error(`${job.id} was published, and not delivered`)
  return delivery
}

export async function read(backend: Backend, id: string): Promise<Job> {
  const [job] = await backend.read([id])
  if (!job) throw new Error(`${id} is not known`)
  return job
}

/** A listener; `heard` resolves when it is woken from now on. What may be told for nothing as it begins is passed over. */
export async function woken(backend: Backend, queues: readonly string[]): Promise<{ readonly heard: Promise<void> } & Disposable> {
  const { promise, resolve } = Promise.withResolvers<void>()
  let begun = false
  const listening = backend.listen(queues, () => {
    if (begun) resolve()
  })
  await backend.read([])
  begun = true
  return { heard: promise, [Symbol.dispose]: () => listening[Symbol.dispose]() }
}

/** Watches jobs; `all` resolves when as many endings as jobs were told. */
export function watched(backend: Backend, jobs: readonly string[]): { readonly all: Promise<readonly Ending[]>, readonly told: readonly Ending[] } & Disposable {
  const { promise, resolve, reject } = Promise.withResolvers<readonly Ending[]>()
  const told: Ending[] = []
  const watch = backend.watch((endings) => {
    told.push(...endings)
    if (told.length >= jobs.length) resolve(told)
  }, reject)
  for (const job of jobs) watch.add(job)
  return { all: promise, told, [Symbol.dispose]: () => watch[Symbol.dispose]() }
}
