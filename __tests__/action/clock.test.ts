import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { cancelReason, cancelSignal } from '../../src/action/cancel.ts'
import { makeClock } from '../../src/action/clock.ts'

test('the first request to end cancels, further ones change nothing', () => {
  const source = new EventEmitter()
  const signal = cancelSignal(source)
  expect(signal.aborted).toBe(false)
  source.emit('SIGINT')
  const reason = cancelReason(signal)
  source.emit('SIGTERM')
  expect(cancelReason(signal)).toBe(reason)
  expect(reason).toMatchObject({ code: 'CANCELLED', message: 'the step was cancelled (SIGINT)' })
})

test('who sleeps is woken by a cancel', async () => {
  const source = new EventEmitter()
  const clock = makeClock(cancelSignal(source))
  const sleeping = clock.sleep(60_000)
  source.emit('SIGTERM')
  await expect(sleeping).rejects.toMatchObject({ code: 'CANCELLED' })
  await expect(clock.sleep(60_000)).rejects.toMatchObject({ code: 'CANCELLED' })
})

test('a sleep ends by itself', async () => {
  const clock = makeClock(new AbortController().signal)
  await expect(clock.sleep(1)).resolves.toBeUndefined()
  expect(clock.now()).toBeInstanceOf(Date)
})
