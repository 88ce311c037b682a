import { discard } from '../net/read.ts'
import { isSameOrigin } from '../net/redirect.ts'
import type { Response, Send } from '../net/send.ts'
import { bestChallenge, type Challenge, parseChallenges } from './challenge.ts'

/** What a registry has told about how it wants us to prove who we are. */
export type Lesson = {
  challenge(): Challenge | undefined
  /** Waits for what is being learnt. */
  over(): Promise<void>
  /**
   * The first request goes ahead alone and brings the challenge home; the others would only collect more of them. Unless
   * there is no login: then the registry is likely an open one, and waiting would cost a round trip.
   */
  during(first: () => Promise<Response>): Promise<Response>
  /** Takes to heart what an answer says. False when it asks for no proof, or for one that nobody has. */
  learn(response: Response): Promise<boolean>
}

export type LessonOptions = {
  readonly origin: URL
  /** reaches the registry without credentials */
  readonly send: Send
  /** whether there is a login, which makes a challenge likely */
  readonly hasLogin: () => Promise<boolean>
}

export function openLesson({ origin, send, hasLogin }: LessonOptions): Lesson {
  let challenge: Challenge | undefined
  let running: Promise<void> | undefined
  let ping: Promise<Challenge | undefined> | undefined

  async function during(first: () => Promise<Response>): Promise<Response> {
    if (running !== undefined) {
      await Promise.race([running, withoutLogin()])
      return first()
    }
    const learning = Promise.withResolvers<void>()
    running = learning.promise
    try {
      const response = await first()
      await learn(response)
      return response
    } finally {
      learning.resolve()
    }
  }

  /** Ends only where there is no login. Trouble with finding out shows where the login is used. */
  function withoutLogin(): Promise<void> {
    return new Promise((end) => {
      hasLogin().then(
        (has) => has || end(),
        () => undefined,
      )
    })
  }

  async function learn(response: Response): Promise<boolean> {
    const isScope = response.status === 403
    // A redirect may have led elsewhere; what is asked there is not ours to answer (CVE-2020-15157).
    if (!(isScope || response.status === 401) || !isSameOrigin(response.url, origin)) return false
    const told = challengeIn(response)
    // A 403 is final, but some say with it that a token is too narrow (container-libs, `docker_client_test.go`).
    if (isScope && told?.parameters['error'] !== 'insufficient_scope') return false
    if (told === undefined && challenge === undefined) ping ??= askPing(origin, send)
    challenge = told ?? challenge ?? (await ping)
    return challenge !== undefined
  }

  return { challenge: () => challenge, over: async () => running, during, learn }
}

/** gcr.io may answer 401 without a word about how to log in; the root of the API has one (ggcr, `transport/ping.go`). */
async function askPing(origin: URL, send: Send): Promise<Challenge | undefined> {
  const response = await send({ method: 'GET', url: new URL('/v2/', origin) }).catch(() => undefined)
  if (response === undefined) return undefined
  await discard(response)
  return response.status === 401 && isSameOrigin(response.url, origin) ? challengeIn(response) : undefined
}

function challengeIn(response: Response): Challenge | undefined {
  return bestChallenge(parseChallenges(response.headers('www-authenticate')))
}
