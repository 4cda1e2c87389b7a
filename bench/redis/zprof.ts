import { createClient } from '@redis/client'
import { connect, startWorker } from 'treadle'
import { freshServer } from './server.ts'
import * as tasks from '../queue/tasks.ts'
await using place = await freshServer()
const admin = await createClient({ url: place.url }).connect()
await using queue = await connect(place.url, { tasks })
const stat = async (name: string, n: number) => {
  const info = await admin.info('commandstats')
  const m = /cmdstat_evalsha:calls=(\d+),usec=(\d+)/.exec(info)
  const total = Array.from(info.matchAll(/cmdstat_([^:]+):calls=(\d+),usec=(\d+)/g)).filter(([, c]) => c !== 'evalsha' && c !== 'info').map(([, c, k, u]) => `${c} ${(Number(k) / n).toFixed(1)}x ${(Number(u) / n).toFixed(2)}us`).join(', ')
  console.log(name, m ? `calls ${m[1]} us/call ${(Number(m[2]) / Number(m[1])).toFixed(1)} us/job ${(Number(m[2]) / n).toFixed(2)}` : '', total)
  await admin.sendCommand(['CONFIG', 'RESETSTAT'])
}
const payload = 'x'.repeat(200)
await queue.enqueue(tasks.noop, payload)
await stat('warm', 1)
for (let i = 0; i < 5000; i++) await queue.enqueue(tasks.noop, payload)
await stat('enqueue-1', 5000)
for (let i = 0; i < 300; i++) await Promise.all(Array.from({ length: 64 }, () => queue.enqueue(tasks.noop, payload)))
await stat('enqueue-64', 300 * 64)
for (let i = 0; i < 20; i++) await queue.enqueueMany(tasks.noop, Array.from({ length: 1000 }, () => [payload]))
await stat('bulk', 20000)
const last = await queue.enqueue(tasks.noop, payload)
await using _w = await startWorker(place.url, { tasks, loopConcurrency: 100 })
await last.result()
await stat('drain', 44200)
admin.destroy()
