import { connect, openBackend } from 'treadle'
import { freshFile } from '../queue/load.ts'
import * as tasks from '../queue/tasks.ts'
const N = 20000
const rate = async (name: string, fn: () => Promise<unknown>) => {
  for (let i = 0; i < 2000; i++) await fn()
  const c0 = process.cpuUsage(); const t0 = performance.now()
  for (let i = 0; i < N; i++) await fn()
  const c = process.cpuUsage(c0)
  console.log(name, Math.round(N / (performance.now() - t0) * 1000), '/s', 'cpu us', ((c.user + c.system) / N).toFixed(1), 'sys', (c.system / N).toFixed(1))
}
const payload = 'x'.repeat(200)
{
  const direct = await openBackend(`sqlite:${freshFile()}`)
  await using queue = await connect(direct, { tasks })
  await rate('direct enqueue', () => queue.enqueue(tasks.noop, payload))
  await rate('direct read', () => direct.read([]))
  await direct.close()
}
{
  const threaded = await openBackend(`sqlite:${freshFile()}`, { threaded: true })
  await using queue = await connect(threaded, { tasks })
  await rate('threaded read', () => threaded.read([]))
  await rate('threaded enqueue', () => queue.enqueue(tasks.noop, payload))
  await threaded.close()
}
