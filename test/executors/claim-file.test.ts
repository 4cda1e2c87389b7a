import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { ChildBoard, ClaimFile } from '../../src/executors/processes/claim-file.ts'

let files = 0

test('for each call exactly one side wins, whatever the order of claims and take-backs', () => {
  fc.assert(fc.property(fc.array(fc.constantFrom('send', 'claim', 'takeBack')), (steps) => {
    using host = new ClaimFile(`test-${++files}`)
    const child = new ChildBoard(host.file)
    const inbox: number[] = []
    const open = new Set<number>()
    const begun: number[] = []
    const takenBack: number[] = []
    let sent = 0
    const claimNext = (): void => {
      const seq = inbox.shift()
      if (seq !== undefined && child.claim(seq)) begun.push(seq)
    }
    for (const step of steps) {
      if (step === 'send') {
        inbox.push(++sent)
        open.add(sent)
      } else if (step === 'claim') {
        claimNext()
      } else {
        const last = host.takeBack(sent)
        for (const seq of open) {
          if (last === undefined || seq <= last) continue
          takenBack.push(seq)
          open.delete(seq)
        }
      }
    }
    while (inbox.length > 0) claimNext()
    expect([...begun, ...takenBack].sort((a, b) => a - b)).toEqual(Array.from({ length: sent }, (_, index) => index + 1))
  }))
})

test('what had begun is known after the end', () => {
  const host = new ClaimFile(`test-${++files}`)
  new ChildBoard(host.file).claim(7)
  host[Symbol.dispose]()
  expect(host.lastBegun).toBe(7)
  expect(host.takeBack(9)).toBe(7)
})
