import { describe, expect, test } from 'vitest'
import { openChannel } from '../../src/concurrency/channel.ts'
import { sleep } from '../../src/concurrency/sleep.ts'
import { taskGroup } from '../../src/concurrency/task-group.ts'
import { moveOnAfter } from '../../src/concurrency/timeouts.ts'
import { BrokenChannelError, ClosedError, EndOfChannelError, InvalidOptionError, QueueEmptyError, QueueFullError } from '../../src/kernel/errors.ts'
import { onClock } from './support.ts'

describe('a channel', () => {
  test('ends for its receivers when the last sender has closed', async () => {
    await onClock(async () => {
      const [send, receive] = openChannel<number>(1)
      const got: number[] = []
      await taskGroup((group) => {
        group.start(async () => {
          using all = receive
          for await (const value of all) got.push(value)
        })
        for (const first of [0, 10]) {
          const own = send.clone()
          group.start(async () => {
            using end = own
            for (let at = 0; at < 3; at++) await end.send(first + at)
          })
        }
        send.close()
      })
      expect(got.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 10, 11, 12])
      await expect(receive.receive()).rejects.toThrow(ClosedError)
    })
  })

  test('breaks for its senders when the last receiver has closed', async () => {
    await onClock(async () => {
      const [send, receive] = openChannel<number>(0)
      const other = receive.clone()
      receive.close()
      receive.close()
      await taskGroup(async (group) => {
        group.start(() => expect(send.send(1)).rejects.toThrow(BrokenChannelError))
        await sleep(1)
        expect(send.statistics()).toEqual({ size: 0, senders: 1, receivers: 1, sending: 1, receiving: 0 })
        other.close()
      })
      await expect(send.send(2)).rejects.toThrow(BrokenChannelError)
      expect(() => send.sendNow(2)).toThrow(BrokenChannelError)
    })
  })

  test('what was sent before the end is received, then EndOfChannelError comes', async () => {
    const [send, receive] = openChannel<string>(Infinity)
    send.sendNow('a')
    send.close()
    expect(await receive.receive()).toBe('a')
    await expect(receive.receive()).rejects.toThrow(EndOfChannelError)
    expect(() => receive.receiveNow()).toThrow(EndOfChannelError)
    await expect(send.send('b')).rejects.toThrow(ClosedError)
    expect(() => send.clone()).toThrow(ClosedError)
  })

  test('without room each send waits for its receiver', async () => {
    await onClock(async (clock) => {
      const [send, receive] = openChannel<number>(0)
      expect(() => send.sendNow(1)).toThrow(QueueFullError)
      expect(() => receive.receiveNow()).toThrow(QueueEmptyError)
      expect(await moveOnAfter(1, () => send.send(1))).toBeUndefined()
      await taskGroup(async (group) => {
        const sent = group.start(async () => { await send.send(2); return clock.elapsed() })
        await sleep(5)
        expect(await receive.receive()).toBe(2)
        expect(await sent.result).toBe(6)
        const received = group.start(() => receive.receive())
        await sleep(1)
        send.sendNow(3)
        expect(await received.result).toBe(3)
      })
    })
  })

  test('whoever waits on an end that is closed hears so, and takes nothing', async () => {
    const [send, receive] = openChannel<number>(0)
    const [sender, receiver] = [send.clone(), receive.clone()]
    const received = receiver.receive()
    receiver.close()
    await expect(received).rejects.toThrow(ClosedError)
    expect(() => send.sendNow(1)).toThrow(QueueFullError)
    const sent = sender.send(1)
    sender.close()
    await expect(sent).rejects.toThrow(ClosedError)
    expect(() => receive.receiveNow()).toThrow(QueueEmptyError)
    const last = receive.receive()
    receive.close()
    await expect(last).rejects.toThrow(ClosedError)
  })

  test('refuses a size that is none', () => {
    expect(() => openChannel(-1)).toThrow(InvalidOptionError)
  })
})
