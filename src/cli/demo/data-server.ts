import { createReadStream } from 'node:fs'
import { type Server, type ServerResponse, createServer } from 'node:http'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { type Clock, systemClock } from '../../kernel/clock.ts'
import type { Datasets } from './datasets.ts'

/** How the server behaves like one that is far away. */
export interface Distance {
  /** The shortest and the longest time to the first byte, in milliseconds. Which of a file depends on its name only. */
  readonly latency: readonly [number, number]
  /** Bytes in a second, on each connection. */
  readonly bandwidth: number
}

/** A web server of a neighbouring country: 60 to 120 ms away, with 40 Mbit/s. */
export const abroad: Distance = { latency: [60, 120], bandwidth: 5_000_000 }

/** How often `/unready` refuses before it answers. */
const refusals = 2

/**
 * Serves the files by their names, and at `/unready?attempt=n` an answer that is 503 until the third attempt.
 * Anything else, a path out of the folder among it, is 404: only names in the list are looked at.
 */
export function dataServer({ folder, files }: Datasets, distance: Distance = abroad, clock: Clock = systemClock): Server {
  const known = new Set(files)
  return createServer((request, response) => {
    answer(new URL(request.url ?? '/', 'http://localhost'), response).catch(() => response.destroy())
  })

  async function answer({ pathname, searchParams }: URL, response: ServerResponse): Promise<void> {
    const name = decodeURIComponent(pathname.slice(1))
    await clock.sleep(latencyOf(name, distance))
    if (known.has(name)) await send(join(folder, name), response)
    else if (name === 'unready') response.writeHead(Number(searchParams.get('attempt')) > refusals ? 200 : 503).end('ready')
    else response.writeHead(404).end()
  }

  async function send(path: string, response: ServerResponse): Promise<void> {
    await pipeline(
      createReadStream(path, { highWaterMark: 65_536 }),
      async function * slowly(chunks: AsyncIterable<Buffer>) {
        for await (const chunk of chunks) {
          await clock.sleep(chunk.length / distance.bandwidth * 1_000)
          yield chunk
        }
      },
      response
    )
  }
}

function latencyOf(name: string, { latency: [least, most] }: Distance): number {
  let hash = 0
  for (const letter of name) hash = (hash * 31 + letter.codePointAt(0)!) % 9_973
  return least + hash % (most - least + 1)
}
