import { type Server, createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { checkOptions } from '../kernel/options.ts'
import { Service } from '../kernel/service.ts'
import type { Worker } from '../worker/worker.ts'
import { metricsText } from './metrics.ts'

export interface HealthServerOptions {
  /** 0 picks a free one. */
  port: number
  /** Default: `'127.0.0.1'`, so that only this machine can ask. */
  host?: string
}

/**
 * Answers `GET /health` (200 or 503, with the reasons as JSON) and `GET /metrics` (Prometheus' text format).
 *
 * Runs on the supervisor, so it answers while every thread is busy. `/health` asks the broker nothing: it answers while that is gone.
 *
 * @example
 * await using worker = await startWorker(backend, { tasks })
 * await using server = await new HealthServer(worker, { port: 0 }).start()
 * (await fetch(`http://127.0.0.1:${server.port}/health`)).status   // 200
 */
export class HealthServer extends Service {
  readonly #worker: Worker
  readonly #options: HealthServerOptions
  readonly #server: Server

  /** @throws InvalidOptionError */
  constructor(worker: Worker, options: HealthServerOptions) {
    super()
    this.#worker = worker
    this.#options = checkOptions('HealthServer', options, { port: true, host: true })
    this.#server = createServer((request, response) => {
      void this.#answer(request.method ?? '', request.url ?? '').then(({ status, type, body }) => {
        response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body)
      })
    })
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  protected async onStart(): Promise<void> {
    this.#server.listen(this.#options.port, this.#options.host ?? '127.0.0.1')
    await once(this.#server, 'listening')
  }

  protected async onClose(): Promise<void> {
    if (!this.#server.listening) return
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }

  async #answer(method: string, url: string): Promise<{ status: number, type: string, body: string }> {
    const path = url.split('?')[0]
    // Of an answer to HEAD the server sends no body.
    if (method !== 'GET' && method !== 'HEAD') return { status: 405, type: 'text/plain', body: 'only GET and HEAD\n' }
    if (path === '/health') {
      const health = this.#worker.health()
      return { status: health.ready ? 200 : 503, type: 'application/json', body: `${JSON.stringify({ ...health, active: this.#worker.active })}\n` }
    }
    if (path === '/metrics') {
      try {
        return { status: 200, type: 'text/plain; version=0.0.4', body: metricsText(this.#worker, await this.#worker.stats()) }
      } catch (error) {
        return { status: 503, type: 'text/plain', body: `${error instanceof Error ? error.message : String(error)}\n` }
      }
    }
    return { status: 404, type: 'text/plain', body: 'there are /health and /metrics\n' }
  }
}
