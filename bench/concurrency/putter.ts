import { parentPort, workerData } from 'node:worker_threads'
import { type LinkEnd, connectQueue } from '../../src/concurrency/index.ts'
import { messages } from './load.ts'

// A thread that puts numbers, once it is told to: in the queue whose end it was given, or else on the port alone.
const { end } = workerData as { end?: LinkEnd }
const burst = 1_000
const put = async (): Promise<void> => {
  const queue = end && connectQueue<number>(end)
  for (let at = 0; at < messages; at += burst) {
    const numbers = Array.from({ length: burst }, (_, next) => at + next)
    if (queue) await Promise.all(numbers.map((number) => queue.put(number)))
    else {
      for (const number of numbers) parentPort!.postMessage(number, [])
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}
parentPort!.once('message', () => void put())
parentPort!.postMessage('ready', [])
