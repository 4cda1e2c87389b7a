import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Measure } from '../suite.ts'
import { messages } from './load.ts'

export const measure: Measure = async (name) => {
  if (name !== 'queue-threads') return {}
  const putter = new Worker(new URL('putter.ts', import.meta.url), { workerData: {} })
  await once(putter, 'message')
  const began = performance.now()
  await new Promise<void>((resolve) => {
    let got = 0
    putter.on('message', () => { if (++got === messages) resolve() })
    putter.postMessage('go', [])
  })
  return { '': (performance.now() - began) * 1_000 / messages }
}
