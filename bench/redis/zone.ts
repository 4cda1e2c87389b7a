import { connect } from 'treadle'
import { freshServer } from './server.ts'
import * as tasks from '../queue/tasks.ts'
await using place = await freshServer()
await using queue = await connect(place.url, { tasks })
const payload = 'x'.repeat(200)
for (let i = 0; i < 2000; i++) await queue.enqueue(tasks.noop, payload)
const c0 = process.cpuUsage(); const t0 = performance.now()
for (let i = 0; i < 20000; i++) await queue.enqueue(tasks.noop, payload)
const c = process.cpuUsage(c0)
console.log('per s', Math.round(20000 / (performance.now() - t0) * 1000), 'cpu us/job', ((c.user + c.system) / 20000).toFixed(1), 'user', (c.user/20000).toFixed(1))
