import type { NewJob } from '../../jobs/job.ts'
import { isAlike, isRare } from '../alike-jobs.ts'

/** Many calls alike but for their arguments, as what one statement takes: so they cost a third of what each would alone. */
export interface JobBatch {
  /** What they share. */
  readonly shared: Omit<NewJob, 'id' | 'payload'>
  /** Their payloads, one after another. */
  readonly payloads: Uint8Array
  /** Of each: where its payload begins, its length, and its id, at fixed places of one text. JSON. */
  readonly parts: string
}

/** Fewer are not worth the packing. */
const enough = 8

/** Numbers are written with this added: so all take ten digits, of which the first is dropped, and are small ones to the engine. */
const padding = 1_000_000_000
const width = 10
/** What is larger than this is no batch. In bytes. */
const largest = 2 ** 26

/** The jobs as a batch, where they are many and alike. */
export function batchOf(jobs: readonly NewJob[]): JobBatch | undefined {
  const [first] = jobs
  if (!first || jobs.length < enough || isRare(first)) return undefined
  let size = 0
  for (const job of jobs) {
    if (!(job.payload instanceof Uint8Array) || isRare(job) || !isAlike(job, first)) return undefined
    size += job.payload.length
  }
  if (size > largest) return undefined
  const payloads = new Uint8Array(size)
  let offset = 0
  const parts = jobs.map(({ id, payload }) => {
    payloads.set(payload, offset)
    const part = String(padding + offset) + String(padding + payload.length) + id
    offset += payload.length
    return part
  })
  const { id: _id, payload: _payload, ...shared } = first
  return { shared, payloads, parts: JSON.stringify(parts) }
}

/** The jobs of a batch, one by one. */
export function jobsOf({ shared, payloads, parts }: JobBatch): NewJob[] {
  return (JSON.parse(parts) as string[]).map((part) => {
    const offset = Number(part.slice(0, width)) - padding
    const length = Number(part.slice(width, 2 * width)) - padding
    return { ...shared, id: part.slice(2 * width), payload: payloads.subarray(offset, offset + length) }
  })
}

/** Reads the parts again: of each row's `value`, its id and, of the blob of all payloads, its own. */
export const partSql: { readonly id: string, readonly payload: (blob: string) => string } = {
  id: `substr(value, ${2 * width + 1})`,
  payload: (blob) => `substr(${blob}, 1 + CAST(substr(value, 2, ${width - 1}) AS INTEGER), CAST(substr(value, ${width + 2}, ${width - 1}) AS INTEGER))`
}
