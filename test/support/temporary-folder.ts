import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

/** A folder of one test's own, removed when it is disposed. */
export function temporaryFolder(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'treadle-test-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** A folder for the tests of one file, removed after the last. */
export function sharedFolder(): string {
  const folder = temporaryFolder()
  afterAll(() => folder[Symbol.dispose]())
  return folder.path
}
