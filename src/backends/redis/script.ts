import { createHash } from 'node:crypto'
import { jobLua } from './job-lua.ts'

/** A script as the server keeps it. */
export interface Script {
  readonly text: string
  readonly sha1: string
}

/** @param body what comes after `jobLua` */
export function script(body: string): Script {
  const text = jobLua + body
  return { text, sha1: createHash('sha1').update(text).digest('hex') }
}
