import type { NewJob } from '../../jobs/job.ts'

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

const offsetWidth = 10
const lengthWidth = 10

/** The jobs as a batch, where they are many and alike. */
export function batchOf(jobs: readonly NewJob[]): JobBatch | undefined {
  const [first] = jobs
  if (!first || jobs.length < enough) return undefined
  let size = 0
  for (const job of jobs) {
    if (!isAlike(job, first)) return undefined
    size += job.payload.length
  }
  const payloads = new Uint8Array(size)
  let offset = 0
  const parts = jobs.map(({ id, payload }) => {
    payloads.set(payload, offset)
    const part = String(offset).padStart(offsetWidth, '0') + String(payload.length).padStart(lengthWidth, '0') + id
    offset += payload.length
    return part
  })
  const { id: _id, payload: _payload, ...shared } = first
  return { shared, payloads, parts: JSON.stringify(parts) }
}

/** Reads the parts again: of each row's `value`, its id and, of the blob of all payloads, its own. */
export const partSql = {
  id: `substr(value, ${offsetWidth + lengthWidth + 1})`,
  payload: (blob: string): string =>
    `substr(${blob}, 1 + CAST(substr(value, 1, ${offsetWidth}) AS INTEGER), CAST(substr(value, ${offsetWidth + 1}, ${lengthWidth}) AS INTEGER))`
}

function isAlike(job: NewJob, first: NewJob): boolean {
  return job.payload instanceof Uint8Array && job.task === first.task && job.queue === first.queue && job.place === first.place && job.priority === first.priority
    && job.delay === first.delay && job.expires === first.expires
    && (job.tags === first.tags || (job.tags.length === first.tags.length && job.tags.every((tag, at) => tag === first.tags[at])))
}
