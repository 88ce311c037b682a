import type { PushRight } from '../edges.ts'
import { LadingError } from '../error.ts'
import { loginRemedy, pushRemedy } from './diagnosis.ts'
import type { Scope } from './scope.ts'
import { cancelSession, openSession, type UploadSite } from './upload.ts'

/**
 * Whether a push will be allowed, before anything slow. Where the token tells what it grants, that counts: a token
 * service answers 200 also for fewer rights than were asked (SkipLabs/skip#1377). Where it does not tell, an upload
 * session is opened and cancelled; that writes nothing.
 */
export async function askPushRight(site: UploadSite, scope: Scope): Promise<PushRight> {
  const { registry, auth } = site.connection
  const granted = await auth.granted(scope)
  if (granted !== undefined) {
    if (granted.includes('push') || granted.includes('*')) return { granted: true, shownBy: 'token' }
    if ((await auth.identity()).kind === 'anonymous') {
      const why = `${site.name}: nobody is logged in to ${registry}, and it takes no anonymous pushes`
      return { granted: false, code: 'LOGIN_FAILED', why, hint: loginRemedy(registry) }
    }
    const may = granted.length === 0 ? 'this login may do nothing there' : `this login may ${granted.join(', ')} and not push`
    return { granted: false, code: 'PUSH_DENIED', why: `${site.name}: ${may}`, hint: pushRemedy(registry) }
  }
  try {
    await cancelSession(site, await openSession(site))
    return { granted: true, shownBy: 'session' }
  } catch (error) {
    if (!(error instanceof LadingError)) throw error
    const { code } = error
    if (code === 'PUSH_DENIED' || code === 'LOGIN_FAILED' || code === 'REPOSITORY_MISSING') {
      return { granted: false, code, why: error.message, hint: error.hint }
    }
    throw error
  }
}
