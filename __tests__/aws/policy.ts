import { onTestFinished } from 'vitest'
import type { AwsPolicy } from '../../src/aws/keys.ts'
import { openWire } from '../../src/net/wire.ts'
import { type Aws, type AwsOptions, startAws } from '../support/aws/server.ts'

export type Variables = Readonly<Record<string, string>>

/** AWS, and what talks to it, with a clock that moves when it is told to. */
export async function reaching(options: AwsOptions, variablesOf: (aws: Aws) => Variables) {
  let jumped = 0
  const now = () => Date.now() + jumped
  const aws = await startAws({ ...options, now })
  const masks: string[] = []
  const debug: string[] = []
  const signal = new AbortController().signal
  const wire = openWire({
    userAgent: 'lading/test',
    signal,
    proxy: { except: '' },
    settings: () => ({}),
    connections: 4,
  })
  onTestFinished(() => wire.close())
  const policy: AwsPolicy = {
    variables: { ...aws.variables, ...variablesOf(aws) },
    wire: wire.send,
    nearby: wire.send,
    signal,
    retries: 2,
    now: () => new Date(now()),
    sleep: async () => undefined,
    random: () => 0,
    debug: (line) => debug.push(line),
    mask: (secret) => masks.push(secret),
  }
  const pass = (milliseconds: number) => {
    jumped += milliseconds
  }
  return { aws, policy, masks, debug, pass }
}
