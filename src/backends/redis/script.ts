import { createHash } from 'node:crypto'
import { happenLua } from './happen-lua.ts'
import { jobLua } from './job-lua.ts'
import { publishLua } from './publish-lua.ts'

/** A script as the server keeps it. */
export interface Script {
  readonly text: string
  readonly sha1: string
}

/** Redis refuses the first writing command of a script where its memory is full, unless it can take none; after one that can take none it refuses nothing. */
const first = "redis.call('DEL', KEYS[1] .. ':none')\n"

/**
 * @param body what comes after `jobLua`, `publishLua` and `happenLua`: each call makes all functions of a script anew, so one that only publishes does without the last
 * @param full it is run though the memory be full: it makes room, or comes to where room is made
 */
export function script(body: string, { full = false, happens = true }: { readonly full?: boolean, readonly happens?: boolean } = {}): Script {
  return scriptOf(jobLua + publishLua + (happens ? happenLua : ''), body, full)
}

export function scriptOf(head: string, body: string, full: boolean): Script {
  const text = head + (full ? first : '') + body
  return { text, sha1: createHash('sha1').update(text).digest('hex') }
}
