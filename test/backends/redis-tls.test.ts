import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect } from 'vitest'
import { redis } from '../../src/backends/redis/redis-backend.ts'
import { openBackend } from '../../src/backends/registry.ts'
import { RedisServer, freePort, redisProgram } from '../support/redis-server.ts'
import { testWith } from '../support/requirements.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const source = (path: string): string => JSON.stringify(join(import.meta.dirname, '../../src', path))

testWith(['sh', '-c', `${redisProgram} --version && openssl version`], `apt-get install ${redisProgram} openssl`)('a server behind TLS is used where its certificate is trusted, and refused with what to do where it is not', { timeout: 30_000 }, async () => {
  using folder = temporaryFolder()
  const [key, cert] = [join(folder.path, 'key.pem'), join(folder.path, 'cert.pem')]
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=treadle test', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert], { stdio: 'ignore' })
  const port = await freePort()
  await using _server = await RedisServer.start('--tls-port', String(port), '--tls-cert-file', cert, '--tls-key-file', key, '--tls-ca-cert-file', cert, '--tls-auth-clients', 'no')
  const url = `rediss://127.0.0.1:${port}`
  await expect(redis(url)).rejects.toMatchObject({ code: 'BACKEND_FAILED', message: expect.stringMatching(/certificate.*NODE_EXTRA_CA_CERTS/) as string })
  await expect(openBackend(url.replace('rediss:', 'valkeys:'))).rejects.toMatchObject({ message: expect.stringMatching(/certificate/) as string })
  const program = `
    import { redis } from ${source('backends/redis/redis-backend.ts')}
    import { deliver, succeed } from ${source('testing/backend-conformance/bench.ts')}
    const backend = await redis('${url}')
    await backend.settle([succeed(await deliver(backend))])
    console.log((await backend.stats()).queues.default.succeeded)
    await backend.close()`
  expect(spawnSync(process.execPath, ['--input-type=module', '-e', program], { timeout: 20_000, encoding: 'utf8', env: { ...process.env, NODE_EXTRA_CA_CERTS: cert } })).toMatchObject({ stdout: '1\n', stderr: '', status: 0 })
})
