import type { NewJob } from '../jobs/job.ts'
import type { UniqueRule } from '../jobs/unique.ts'
import { type UniqueCallRule, idempotencyPrefix } from '../tasks/call-options.ts'
import { encode } from '../wire/codec.ts'

/** What a backend is to hold a call unique by: its task, and its key or a digest of its arguments. */
export function uniqueRule(task: string, { key, window, taken }: UniqueCallRule, args: readonly unknown[]): UniqueRule {
  return { key: `${task} ${key ?? `args ${digest(encode(args))}`}`, window, taken }
}

/**
 * A job as what each slot of a schedule is to have one of, without its idempotency key, and those of what it links: by them a day's slots would be one job. Each slot has no more than
 * one as it is.
 */
export function withoutIdempotencyKeys({ unique, links, ...job }: NewJob): NewJob {
  const isIdempotent = unique?.key.startsWith(`${job.task} ${idempotencyPrefix}`)
  return {
    ...job,
    ...(unique && !isIdempotent ? { unique } : {}),
    ...(links ? { links: links.map((link) => ({ ...link, job: withoutIdempotencyKeys(link.job) })) } : {})
  }
}

function digest(bytes: Uint8Array): string {
  // Loaded by those that need it: it takes as long as all the rest of a client.
  return process.getBuiltinModule('node:crypto').createHash('sha256').update(bytes).digest('base64url')
}
