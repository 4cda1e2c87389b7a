import type { UniqueRule } from '../jobs/unique.ts'
import type { UniqueCallRule } from '../tasks/task.ts'
import { encode } from '../wire/codec.ts'

/** What a backend is to hold a call unique by: its task, and its key or a digest of its arguments. */
export function uniqueRule(task: string, { key, window, taken }: UniqueCallRule, args: readonly unknown[]): UniqueRule {
  return { key: `${task} ${key ?? `args ${digest(encode(args))}`}`, window, taken }
}

function digest(bytes: Uint8Array): string {
  // Loaded by those that need it: it takes as long as all the rest of a client.
  return process.getBuiltinModule('node:crypto').createHash('sha256').update(bytes).digest('base64url')
}
