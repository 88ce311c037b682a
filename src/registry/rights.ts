import type { PushQuestion, PushRight } from '../edges.ts'
import { LadingError } from '../error.ts'
import { makeRoom } from './existence.ts'
import { loginRemedy, pushRemedy } from './remedy.ts'
import { cancelSession, openSession } from './session.ts'
import type { Site } from './site.ts'

/**
 * Whether a push will be allowed, before anything slow. Where the token tells what it grants, that counts: a token
 * service answers 200 also for fewer rights than were asked (SkipLabs/skip#1377). Where it does not tell, an upload
 * session is opened and cancelled; that writes nothing.
 */
export async function askPushRight(site: Site, { session, create }: PushQuestion): Promise<PushRight> {
  const existence = session ? await makeRoom(site, create === true ? 'create' : 'look') : 'there'
  // What is only looked at must do without the question that an upload would answer.
  if (existence === 'missing') return { granted: true, shownBy: 'nothing' }
  const granted = await site.connection.auth.granted(site.scope)
  if (granted !== undefined) return judgeToken(site, granted)
  return session ? tryUpload(site) : { granted: true, shownBy: 'nothing' }
}

async function judgeToken({ connection, name }: Site, granted: readonly string[]): Promise<PushRight> {
  const { registry, auth } = connection
  if (granted.includes('push') || granted.includes('*')) return { granted: true, shownBy: 'token' }
  if ((await auth.identity()).kind === 'anonymous') {
    const why = `${name}: nobody is logged in to ${registry}, and it takes no anonymous pushes`
    return { granted: false, code: 'LOGIN_FAILED', why, hint: loginRemedy(registry) }
  }
  const may =
    granted.length === 0 ? 'this login may do nothing there' : `this login may ${granted.join(', ')} and not push`
  return { granted: false, code: 'PUSH_DENIED', why: `${name}: ${may}`, hint: pushRemedy(registry) }
}

async function tryUpload(site: Site): Promise<PushRight> {
  try {
    await cancelSession(site, await openSession(site))
    return { granted: true, shownBy: 'session' }
  } catch (error) {
    if (!(error instanceof LadingError)) throw error
    const { code, message: why, hint } = error
    if (code === 'PUSH_DENIED' || code === 'LOGIN_FAILED' || code === 'REPOSITORY_MISSING')
      return { granted: false, code, why, hint }
    throw error
  }
}
