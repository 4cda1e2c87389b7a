import { type Cases, newJob, request } from './bench.ts'

export const closingCases: Cases = {
  async 'it closes twice'({ backend }) {
    await Promise.all([backend.close(), backend.close()])
    await backend.close()
  },

  async 'once closed it takes nothing more'({ backend, expect }) {
    await backend.close()
    await expect(backend.publish([newJob()])).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(backend.reserve(request())).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(backend.read(['job'])).rejects.toMatchObject({ code: 'CLOSED' })
  },

  async 'what is open when it closes is told nothing more'({ backend, expect }) {
    let told = 0
    const job = newJob()
    await backend.publish([job])
    const listening = backend.listen(['default'], () => told++)
    const watch = backend.watch(() => told++, () => told++)
    watch.add(job.id)
    await backend.close()
    listening[Symbol.dispose]()
    watch[Symbol.dispose]()
    expect(told).toBe(0)
  },

  async 'whoever hears a topic is told that it is over, once'({ backend, expect }) {
    const told: unknown[] = []
    const hearing = backend.hear('one', { heard: () => {}, missed: () => told.push('missed'), failed: (error) => told.push((error as { code?: unknown }).code) })
    await hearing.ready
    await backend.close()
    hearing[Symbol.dispose]()
    expect(told).toEqual(['CLOSED'])
    await expect(backend.post('one', 'hello')).rejects.toMatchObject({ code: 'CLOSED' })
  }
}
