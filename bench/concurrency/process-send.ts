import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Measure } from '../suite.ts'
import { messages } from './load.ts'

/** What Node itself has between processes. */
export const measure: Measure = async (name) => {
  if (name !== 'queue-processes') return {}
  const putter = fork(fileURLToPath(new URL('putter.ts', import.meta.url)), { serialization: 'advanced' })
  await once(putter, 'message')
  const began = performance.now()
  await new Promise<void>((resolve) => {
    let got = 0
    putter.on('message', () => { if (++got === messages) resolve() })
    putter.send('go')
  })
  return { '': (performance.now() - began) * 1_000 / messages }
}
