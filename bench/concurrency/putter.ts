import { parentPort, workerData } from 'node:worker_threads'
import { type Origin, connectQueue } from 'treadle/concurrency'
import { messages } from './load.ts'

// A thread or process that puts numbers, once it is told to: in the queue that it was given, or else on its port or channel alone.
const origin: Origin | undefined = parentPort ? (workerData as { end?: Origin }).end : process.argv[2]
const post = (word: unknown): void => parentPort ? parentPort.postMessage(word, []) : void process.send!(word)
const burst = 1_000
const put = async (): Promise<void> => {
  const queue = origin === undefined ? undefined : connectQueue<number>(origin)
  for (let at = 0; at < messages; at += burst) {
    const numbers = Array.from({ length: burst }, (_, next) => at + next)
    if (queue) await Promise.all(numbers.map((number) => queue.put(number)))
    else {
      for (const number of numbers) post(number)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}
if (parentPort) parentPort.once('message', () => void put())
else process.once('message', () => void put())
post('ready')
